/** `lightscore serve`: the server, from the environment to the signals that end it. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { readConfig } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import { type TransportKind, chooseTransport } from '../http/choose-transport.js';
import type { Logger } from '../telemetry/log.js';
import { Server } from '../server.js';
import { ENVIRONMENT_HELP } from './environment-help.js';

/** How long the end of the process waits for the reader of the log. */
const LOG_MS = 2000;

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve a model over HTTP; configured by environment variables')
    .addHelpText('after', ENVIRONMENT_HELP)
    .action(serve);
}

async function serve(): Promise<void> {
  const { config, warnings } = readConfig(process.env);
  const { store } = config.models;
  // A bucket that does not answer may do so later; a folder that is not there is a mistake.
  if (store.kind === 'folder' && !existsSync(store.folder))
    throw new LightscoreError('CONFIG_INVALID', `MODEL_DIR: ${store.folder}: no such folder`);
  const transports = await chooseTransport(config.http);
  const server = new Server(config, transports);
  const { logger } = server.log;
  logTransport(transports, logger);
  for (const warning of warnings) logger.warn({ event: 'config_warning' }, warning);

  let stopping = false;
  let exitCode = 0;
  const stop = (code: number): void => {
    exitCode = Math.max(exitCode, code);
    // A terminal's Ctrl-C often arrives twice: from the terminal and from npm.
    if (stopping) return;
    stopping = true;
    server.drain().then(
      async () => {
        if (await server.log.finish(LOG_MS)) process.exit(exitCode);
        // A thread hangs in writing to a log that nobody reads, and `exit` would wait for it.
        process.kill(process.pid, 'SIGKILL');
      },
      (error: unknown) => {
        logger.fatal({ event: 'drain_failed', err: error }, 'could not drain');
        server.log.flush();
        process.exit(1);
      },
    );
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, (signal) => {
      logger.info({ event: 'signal', signal }, `got ${signal}`);
      stop(0);
    });
  }
  void server.givenUp.then(() => stop(1));
  // A bug: nobody can tell what it broke, so what was accepted is answered and the next process starts afresh.
  process.on('uncaughtException', (error) => {
    logger.fatal({ event: 'uncaught_exception', err: error }, 'the server met a fault of its own, and ends');
    stop(1);
  });
  process.on('SIGHUP', (signal) => {
    logger.info({ event: 'signal', signal }, `got ${signal}`);
    void server.reload(`signal:${signal}`);
  });

  try {
    await server.listen();
    const { http, access } = config;
    const origin = `${http.tls === undefined ? 'http' : 'https'}://${http.host === '0.0.0.0' || http.host === '::' ? 'localhost' : http.host}:${server.port}`;
    logger.info({ event: 'listening', url: origin, open: access.apiKeys.length === 0 }, `listening on ${origin}`);
    if (access.apiKeys.length === 0)
      logger.warn({ event: 'open' }, 'no API_KEYS are set: anyone who reaches this port may score');
    await server.loadModel();
    if (server.model !== undefined) greet(origin, server.model.card, access.apiKeys.length > 0);
  } catch (error) {
    await server.close();
    server.log.flush();
    if (error instanceof LightscoreError) throw error;
    throw new LightscoreError('WORKER_FAILED', messageOf(error), {
      cause: error,
    });
  }
}

/**
 * For the person who started it; the log says the same as JSON. On standard error, so that the log stays
 * machine-readable.
 */
function greet(
  origin: string,
  {
    modelVersion,
    calibrationVersion,
    trees,
    featureNames,
    exampleRow,
  }: {
    modelVersion: string;
    calibrationVersion: string;
    trees: number;
    featureNames: readonly string[];
    exampleRow: readonly number[];
  },
  needsKey: boolean,
): void {
  const key = needsKey ? ` -H 'X-API-Key: YOUR_KEY'` : '';
  const body =
    exampleRow.length <= 40 ? JSON.stringify({ features: exampleRow }) : `{"features": [${exampleRow.length} numbers]}`;
  process.stderr.write(
    `\nLightscore serves model ${modelVersion} (calibration ${calibrationVersion}, ${trees} trees, ${featureNames.length} features) on ${origin}\n` +
      `Try:   curl -s ${origin}/score -H 'Content-Type: application/json'${key} -d '${body}'\n` +
      `Docs:  ${origin}/docs\n\n`,
  );
}

/** The first line of the log: what speaks HTTP, and what follows from it. */
function logTransport({ name, reason }: TransportKind, logger: Logger): void {
  const event = { event: 'transport', transport: name, ...(reason !== undefined && { reason }) };
  if (name === 'uws') logger.info(event, 'HTTP is spoken by uWebSockets.js');
  else if (reason === undefined) logger.info(event, "HTTP is spoken by Node's own server");
  else logger.warn(event, `HTTP is spoken by Node's own server, for about twice the CPU a request: ${reason}`);
  if (name !== 'uws' || Number(process.versions.node.split('.')[0]) > 20) return;
  const unanswered = 'requests with "_" or "." in a header name, more than 96 headers or a split request line';
  logger.warn(
    { event: 'old_transport' },
    `the build of uWebSockets.js for Node 20 is old and does not answer ${unanswered}: use Node 22 or later, or TRANSPORT=node`,
  );
}
