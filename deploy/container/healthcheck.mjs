/**
 * The health check of the image, which has no curl: exits with 0 if the server of this container answers 200, else with
 * 1 and the reason in one line. It reads the server's own settings (PORT, HOST, TLS_CERT_FILE). An argument replaces
 * the path /livez.
 */
import { request as http } from 'node:http';
import { request as https } from 'node:https';

/** Shorter than the `--timeout` of HEALTHCHECK, so that the reason is still written. */
const TIMEOUT_MS = 3000;

const { PORT, HOST, TLS_CERT_FILE } = process.env;
const secure = Boolean(TLS_CERT_FILE);
const host = !HOST || HOST === '0.0.0.0' ? '127.0.0.1' : HOST === '::' ? '::1' : HOST;
const path = process.argv[2] ?? '/livez';

function end(code, reason) {
  if (reason !== undefined) process.stderr.write(`healthcheck: ${path}: ${reason}\n`);
  process.exit(code);
}

const options = {
  host,
  port: Number(PORT || 8000),
  path,
  signal: AbortSignal.timeout(TIMEOUT_MS),
  // The certificate is issued for a public name, and the connection does not leave this container.
  ...(secure && { rejectUnauthorized: false }),
};
(secure ? https : http)(options, (response) => {
  if (response.statusCode === 200) end(0);
  else end(1, `status ${response.statusCode}`);
})
  .on('error', (error) =>
    end(
      1,
      error.name === 'AbortError' || error.name === 'TimeoutError'
        ? `no answer within ${TIMEOUT_MS} ms`
        : error.message,
    ),
  )
  .end();
