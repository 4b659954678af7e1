/** The part of `lightscore serve --help` about environment variables, which `config/config.ts` reads. */
import { DEFAULTS } from '../config/config.js';

const ROWS: readonly (readonly [string, string])[] = [
  ['PORT, HOST', `port and address to listen on (${DEFAULTS.PORT}, ${DEFAULTS.HOST})`],
  ['MODEL_DIR', `folder of versions (${DEFAULTS.MODEL_DIR})`],
  [
    'MODEL_S3_BUCKET, MODEL_S3_PREFIX',
    `S3 bucket of versions instead, and its prefix (none, ${DEFAULTS.MODEL_S3_PREFIX})`,
  ],
  ['MODEL_VERSION', 'version to serve (the one in current.json, else the highest complete one)'],
  [
    'MODEL_POLL_SECONDS',
    'seconds between checks of the store for another version ' +
      `(${DEFAULTS.MODEL_POLL_SECONDS}: off; SIGHUP checks at once)`,
  ],
  ['MODEL_REQUIRE_CHECKSUMS', 'refuse artifacts without checksums in metadata.json (0)'],
  ['MODEL_PUBLIC_KEY', 'Ed25519 key that metadata.sig must verify with (none)'],
  [
    'CHALLENGER_VERSION, CHALLENGER_MODE',
    `challenger of an experiment, ab or shadow (none, ${DEFAULTS.CHALLENGER_MODE})`,
  ],
  ['CHALLENGER_SHARE', `the challenger's share of the requests, 0 to 1 (${DEFAULTS.CHALLENGER_SHARE}; shadow: 1)`],
  ['WORKERS', `scoring threads of all acceptors together (cores - ACCEPTORS, here ${DEFAULTS.WORKERS})`],
  ['ACCEPTORS', `event loops that accept connections on the port (${DEFAULTS.ACCEPTORS})`],
  ['SCORING', `pool, auto or inline (${DEFAULTS.SCORING})`],
  ['API_KEYS', 'id:key or id:sha256:HEX, comma separated (none: anyone may score)'],
  ['ADMIN_API_KEYS', 'the same for the admin routes (none: the routes are disabled)'],
  ['AUDIT_LOG', 'file of the audit trail (none: its entries go to the log only)'],
  ['RATE_LIMIT', `requests per second for each key, else for each address (${DEFAULTS.RATE_LIMIT}: off)`],
  ['TRUST_PROXY', `number of proxies in front that append to X-Forwarded-For (${DEFAULTS.TRUST_PROXY})`],
  ['TLS_CERT_FILE, TLS_KEY_FILE', 'PEM files; both or neither (none)'],
  ['METRICS_AUTH', '/metrics requires a key (0)'],
  ['LOG_LEVEL', `lowest level that is logged (${DEFAULTS.LOG_LEVEL})`],
  ['PREDICTION_LOG_SAMPLE', `share of predictions logged (${DEFAULTS.PREDICTION_LOG_SAMPLE})`],
  ['MAX_BODY_BYTES, MAX_BATCH_ROWS', `limits of a request (${DEFAULTS.MAX_BODY_BYTES}, ${DEFAULTS.MAX_BATCH_ROWS})`],
  [
    'QUEUE_ROWS, REQUEST_TIMEOUT_MS',
    `most rows that may wait, and for how long (${DEFAULTS.QUEUE_ROWS}, ${DEFAULTS.REQUEST_TIMEOUT_MS})`,
  ],
  ['DRAIN_TIMEOUT_MS', `how long SIGTERM waits for accepted requests (${DEFAULTS.DRAIN_TIMEOUT_MS})`],
];

export const ENVIRONMENT_HELP = `
Environment (default):
${ROWS.map(([name, what]) => `  ${name.padEnd(35)} ${what}`).join('\n')}
  AWS_REGION, AWS_ENDPOINT_URL_S3 and credentials, which the AWS SDK reads

Example:
  MODEL_DIR=./models PORT=8000 lightscore serve
`;
