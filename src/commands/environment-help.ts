/** The text of `lightscore serve --help` on environment variables, which `config/config.ts` reads. */
import { DEFAULTS } from '../config/config.js';

const ROWS: readonly (readonly [string, string])[] = [
  ['PORT, HOST', `where to listen (${DEFAULTS.PORT}, ${DEFAULTS.HOST})`],
  ['MODEL_DIR', `folder of versions (${DEFAULTS.MODEL_DIR})`],
  [
    'MODEL_S3_BUCKET, MODEL_S3_PREFIX',
    `bucket of versions instead, and its prefix (none, ${DEFAULTS.MODEL_S3_PREFIX})`,
  ],
  ['MODEL_VERSION', 'version to serve (what current.json names, else the highest complete one)'],
  [
    'MODEL_POLL_SECONDS',
    `seconds between checks for a new version (${DEFAULTS.MODEL_POLL_SECONDS}: off; SIGHUP checks at once)`,
  ],
  ['MODEL_REQUIRE_CHECKSUMS', '1 refuses artifacts without checksums in metadata.json (0)'],
  ['MODEL_PUBLIC_KEY', 'Ed25519 public key that must verify metadata.sig (none)'],
  [
    'CHALLENGER_VERSION, CHALLENGER_MODE',
    `version to run an experiment with, ab or shadow (none, ${DEFAULTS.CHALLENGER_MODE})`,
  ],
  ['CHALLENGER_SHARE', `its share of the requests, 0 to 1 (${DEFAULTS.CHALLENGER_SHARE}; shadow: 1)`],
  ['WORKERS', `scoring threads of all acceptors (cores - ACCEPTORS, here ${DEFAULTS.WORKERS})`],
  ['ACCEPTORS', `event loops that take connections, on one port (${DEFAULTS.ACCEPTORS})`],
  ['SCORING', `pool, auto or inline (${DEFAULTS.SCORING})`],
  ['API_KEYS', 'id:key or id:sha256:HEX, comma separated (none: scoring is open)'],
  ['ADMIN_API_KEYS', 'the same for the admin routes (none: they are disabled)'],
  ['AUDIT_LOG', 'file of the audit trail (none: its entries go to the log only)'],
  ['RATE_LIMIT', `requests a second for each key, or address if there is no key (${DEFAULTS.RATE_LIMIT}: off)`],
  ['TRUST_PROXY', `proxies in front that append to X-Forwarded-For (${DEFAULTS.TRUST_PROXY})`],
  ['TLS_CERT_FILE, TLS_KEY_FILE', 'PEM files; both or neither (none)'],
  ['METRICS_AUTH', '1 requires a key for /metrics (0)'],
  ['LOG_LEVEL', `lowest level that is logged (${DEFAULTS.LOG_LEVEL})`],
  ['PREDICTION_LOG_SAMPLE', `share of predictions logged (${DEFAULTS.PREDICTION_LOG_SAMPLE})`],
  ['MAX_BODY_BYTES, MAX_BATCH_ROWS', `limits of a request (${DEFAULTS.MAX_BODY_BYTES}, ${DEFAULTS.MAX_BATCH_ROWS})`],
  [
    'QUEUE_ROWS, REQUEST_TIMEOUT_MS',
    `rows that may wait for a worker, and for how many ms (${DEFAULTS.QUEUE_ROWS}, ${DEFAULTS.REQUEST_TIMEOUT_MS})`,
  ],
  ['TRANSPORT', `auto, uws or node: what speaks HTTP (${DEFAULTS.TRANSPORT})`],
  ['MAX_CONNECTIONS', 'connections open at once (the descriptor limit less 64)'],
  ['MAX_HEADER_BYTES', `largest head of a request (${DEFAULTS.MAX_HEADER_BYTES})`],
  ['BODY_TIMEOUT_MS', `milliseconds that a body may come without a byte (${DEFAULTS.BODY_TIMEOUT_MS})`],
  ['BODY_MIN_BYTES_PER_SECOND', `its least rate after that time (${DEFAULTS.BODY_MIN_BYTES_PER_SECOND})`],
  ['KEEP_ALIVE_MS', `milliseconds an idle connection is kept, TRANSPORT=node (${DEFAULTS.KEEP_ALIVE_MS})`],
  ['COMPRESS_RESPONSES', 'compress answers over 1 KiB for clients that accept it (0)'],
  ['CORS_ORIGINS', 'origins whose pages may call the scoring routes, or * (none)'],
  ['API_KEYS_FILE, ADMIN_API_KEYS_FILE', 'files of keys, read again on SIGHUP (none)'],
  ['TLS_CLIENT_CA_FILE', 'authorities of client certificates, TRANSPORT=node (none)'],
  ['DRAIN_TIMEOUT_MS', `milliseconds that SIGTERM waits for accepted requests (${DEFAULTS.DRAIN_TIMEOUT_MS})`],
];

export const ENVIRONMENT_HELP = `
Environment (default):
${ROWS.map(([name, what]) => `  ${name.padEnd(34)} ${what}`).join('\n')}
  AWS_REGION, AWS_ENDPOINT_URL_S3 and credentials as the AWS SDK reads them

Example:
  MODEL_DIR=./models PORT=8000 lightscore serve
`;
