/**
 * The one table of the server's settings: environment variable and flag, default, and what each means. `config.ts`
 * reads them, `lightscore serve --help` lists them.
 */
import { availableParallelism } from 'node:os';

/**
 * The default of WORKERS: one core for each acceptor's event loop, the others for scoring threads, and at least one
 * scoring thread for each acceptor.
 */
export function workersFor(acceptors: number): number {
  return Math.max(acceptors, availableParallelism() - acceptors);
}

/** A heading of the help, and the settings under it. */
type Group = 'Models' | 'Listening' | 'Access' | 'Scoring' | 'Limits' | 'Log and process';

interface SettingRow {
  readonly group: Group;
  /** What a value is, for the help. */
  readonly value: string;
  /** In one line, for the help. */
  readonly means: string;
  /** The value where it is not set; without one, the setting is optional and undefined in `Config`. */
  readonly fallback?: number | string;
  /** What the help shows as the default, where that is not `fallback`. */
  readonly byDefault?: string;
}

/** A setting that is on or off: its flag has no value, and a form that begins with --no-. */
interface SwitchRow {
  readonly group: Group;
  readonly means: string;
  readonly fallback: boolean;
}

export const SETTINGS = {
  MODEL_DIR: { group: 'Models', value: 'folder', means: 'folder of the versions', fallback: './models' },
  MODEL_PATH: {
    group: 'Models',
    value: 'path',
    means: 'a model file, the folder of one version or of versions, or s3://...',
  },
  MODEL_S3_BUCKET: { group: 'Models', value: 'name', means: 'bucket of the versions, instead of a folder' },
  MODEL_S3_PREFIX: { group: 'Models', value: 'prefix', means: 'prefix of the versions in it', fallback: 'models/' },
  MODEL_S3_ADDRESSING: {
    group: 'Models',
    value: 'style',
    means: 'where requests name the bucket: auto, path or virtual (the host)',
    fallback: 'auto',
  },
  MODEL_VERSION: {
    group: 'Models',
    value: 'version',
    means: 'version to serve',
    byDefault: 'what current.json names, else the highest complete one',
  },
  MODEL_POLL_SECONDS: {
    group: 'Models',
    value: 'seconds',
    means: 'time between checks for a new version; 0: only on SIGHUP',
    fallback: 0,
  },
  MODEL_REQUIRE_CHECKSUMS: {
    group: 'Models',
    means: 'refuse versions without checksums in metadata.json',
    fallback: false,
  },
  MODEL_PUBLIC_KEY: {
    group: 'Models',
    value: 'file',
    means: 'Ed25519 public key (PEM file or text) that must verify metadata.sig',
  },
  MODEL_REQUIRE_SIGNED_POINTER: {
    group: 'Models',
    means: 'refuse a current.json that is not signed, or older than one that was followed',
    fallback: false,
  },
  MODEL_POINTER_STATE: {
    group: 'Models',
    value: 'file',
    means: 'keeps the newest signed current.json that was followed, over restarts',
  },
  CHALLENGER_VERSION: { group: 'Models', value: 'version', means: 'version to run an experiment with' },
  CHALLENGER_MODE: {
    group: 'Models',
    value: 'ab|shadow',
    means: 'whether the challenger answers its share, or only scores it',
    fallback: 'ab',
  },
  CHALLENGER_SHARE: {
    group: 'Models',
    value: 'share',
    means: "the challenger's share of the requests, 0 to 1",
    fallback: 0,
    byDefault: '0; in shadow mode 1',
  },
  EXPLAIN: {
    group: 'Models',
    value: 'importance|shap',
    means: 'how answers rank top features where a request does not say',
    fallback: 'importance',
  },
  PORT: { group: 'Listening', value: 'number', means: 'TCP port; 0 takes a free one', fallback: 8000 },
  HOST: { group: 'Listening', value: 'address', means: 'address or host name to listen on', fallback: '0.0.0.0' },
  TRANSPORT: {
    group: 'Listening',
    value: 'auto|uws|node',
    means: "what speaks HTTP: uWebSockets.js or Node's own server",
    fallback: 'auto',
  },
  ACCEPTORS: {
    group: 'Listening',
    value: 'count',
    means: 'event loops that take connections, on one port',
    fallback: 1,
  },
  MAX_CONNECTIONS: {
    group: 'Listening',
    value: 'count',
    means: 'connections open at once',
    byDefault: 'the descriptor limit less 64',
  },
  TLS_CERT_FILE: { group: 'Listening', value: 'file', means: 'certificate, PEM; with --tls-key-file' },
  TLS_KEY_FILE: { group: 'Listening', value: 'file', means: 'its private key, PEM' },
  TLS_CLIENT_CA_FILE: {
    group: 'Listening',
    value: 'file',
    means: 'authorities of client certificates, which are then required (transport node)',
  },
  KEEP_ALIVE_MS: {
    group: 'Listening',
    value: 'ms',
    means: 'time that an idle connection is kept (transport node)',
    fallback: 75_000,
  },
  COMPRESS_RESPONSES: {
    group: 'Listening',
    means: 'compress answers over 1 KiB for clients that accept it',
    fallback: false,
  },
  CORS_ORIGINS: {
    group: 'Access',
    value: 'origins',
    means: 'origins whose pages may call the scoring routes, comma separated, or *',
  },
  API_KEYS: {
    group: 'Access',
    value: 'keys',
    means: 'keys for scoring: id:key or id:sha256:HEX, comma separated',
    byDefault: 'none: scoring is open',
  },
  API_KEYS_FILE: { group: 'Access', value: 'file', means: 'file of such keys, read again on SIGHUP' },
  ADMIN_API_KEYS: {
    group: 'Access',
    value: 'keys',
    means: 'keys for the admin routes, in the same form',
    byDefault: 'none: there are no admin routes',
  },
  ADMIN_API_KEYS_FILE: { group: 'Access', value: 'file', means: 'file of such keys, read again on SIGHUP' },
  METRICS_AUTH: { group: 'Access', means: 'require a key for /metrics', fallback: false },
  RATE_LIMIT: {
    group: 'Access',
    value: 'number',
    means: 'requests a second for each key, or each address without one; 0: no limit',
    fallback: 0,
  },
  PUBLIC_URL: {
    group: 'Access',
    value: 'URL',
    means: 'where clients reach the server, for links in problems and in the API document',
    byDefault: 'none: links are relative to the host',
  },
  TRUST_PROXY: {
    group: 'Access',
    value: 'count',
    means: 'proxies in front that append to X-Forwarded-For',
    fallback: 0,
  },
  WORKERS: {
    group: 'Scoring',
    value: 'count',
    means: 'scoring threads of all acceptors',
    fallback: workersFor(1),
    byDefault: `cores less acceptors, here ${workersFor(1)}`,
  },
  SCORING: {
    group: 'Scoring',
    value: 'pool|auto|inline',
    means: 'where rows are scored: on the workers, on the event loop, or on whichever is faster',
    fallback: 'pool',
  },
  QUEUE_ROWS: {
    group: 'Scoring',
    value: 'count',
    means: 'rows that may wait to be scored; more are refused',
    fallback: 20_000,
  },
  MAX_BODY_BYTES: { group: 'Limits', value: 'bytes', means: 'largest body of a request', fallback: 4 * 1024 * 1024 },
  MAX_BATCH_ROWS: { group: 'Limits', value: 'count', means: 'most rows of a batch', fallback: 10_000 },
  MAX_HEADER_BYTES: { group: 'Limits', value: 'bytes', means: 'largest head of a request', fallback: 16 * 1024 },
  BODY_TIMEOUT_MS: { group: 'Limits', value: 'ms', means: 'time that a body may come without a byte', fallback: 8_000 },
  BODY_MIN_BYTES_PER_SECOND: {
    group: 'Limits',
    value: 'bytes',
    means: 'slowest rate of a body after that time',
    fallback: 1_024,
  },
  REQUEST_TIMEOUT_MS: {
    group: 'Limits',
    value: 'ms',
    means: 'time from the last byte of a request to its answer',
    fallback: 1_000,
  },
  DRAIN_TIMEOUT_MS: {
    group: 'Limits',
    value: 'ms',
    means: 'time from SIGTERM to the end of the process, at most',
    fallback: 10_000,
  },
  DRAIN_DELAY_MS: {
    group: 'Limits',
    value: 'ms',
    means: 'time from SIGTERM to the closing of the port, with /readyz at 503: part of DRAIN_TIMEOUT_MS',
    fallback: 1_000,
  },
  LOG_LEVEL: {
    group: 'Log and process',
    value: 'level',
    means: 'lowest level that is logged: trace, debug, info, warn, error, fatal or silent',
    fallback: 'info',
  },
  PREDICTION_LOG_SAMPLE: {
    group: 'Log and process',
    value: 'share',
    means: 'share of the predictions that are logged, 0 to 1; a terminal shows none',
    fallback: 1,
  },
  AUDIT_LOG: {
    group: 'Log and process',
    value: 'file',
    means: 'file of the audit trail',
    byDefault: 'none: its entries go to the log only',
  },
  AUDIT_REQUIRED: {
    group: 'Log and process',
    means: 'refuse admin calls whose entry cannot be written to AUDIT_LOG',
    fallback: false,
  },
  PID_FILE: {
    group: 'Log and process',
    value: 'file',
    means: 'file to write the process id to, for signals, while the port is open',
  },
} as const satisfies Readonly<Record<string, SettingRow | SwitchRow>>;

type Table = typeof SETTINGS;

/** The name of a setting: its environment variable. */
export type Setting = keyof Table;
/** A setting that is on or off. */
export type Switch = { [S in Setting]: Table[S] extends SwitchRow ? S : never }[Setting];

export const SETTING_NAMES = Object.keys(SETTINGS).filter((name): name is Setting => Object.hasOwn(SETTINGS, name));

/** A row of the table, where it does not matter which. */
export function settingRow(name: Setting): SettingRow | SwitchRow {
  return SETTINGS[name];
}

/** The flag of a setting: MODEL_DIR is --model-dir. */
export function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}

type WithFallback = { [S in Setting]: Table[S] extends { readonly fallback: unknown } ? S : never }[Setting];

/** The values of settings that are not set, where they have one. */
export const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS).flatMap(([name, row]) => ('fallback' in row ? [[name, row.fallback]] : [])),
) as { readonly [S in WithFallback]: Table[S]['fallback'] };
