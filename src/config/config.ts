/**
 * Reads the server's settings (`settings.ts`) from environment variables and flags: the only code that does. A flag
 * wins over its variable. What is blank counts as not set.
 *
 * A few variables that are not settings of the server are read where they are used: AWS_* by `store/s3-client.ts` and
 * the AWS SDK, CXX, PATH and XDG_CACHE_HOME by `native/build.ts`, OMP_WAIT_POLICY and GOMP_SPINCOUNT by
 * `native/library.ts`, SOURCE_DATE_EPOCH by `commands/train.ts`, LIGHTSCORE_URL and LIGHTSCORE_ADMIN_KEY by
 * `commands/admin-client.ts`, UWS_HTTP_MAX_HEADERS_SIZE by uWebSockets.js (`http/choose-transport.ts` sets it).
 */
import { descriptorLimit } from './descriptor-limit.js';
import { type TlsFiles, checkTls } from './check-tls.js';
import { misspelled } from './misspelled.js';
import { Reader } from './reader.js';
import { S3_ADDRESSING, type S3Addressing } from './s3-addressing.js';
import { DEFAULTS, type Setting, flagOf, workersFor } from './settings.js';
import { LightscoreError } from '../errors.js';
import { EXPLANATIONS, type Explanation } from '../contract/query.js';
import { SCHEMA_LIMITS } from '../contract/schemas.js';
import type { AccessKeys } from '../access/access-control.js';
import type { ApiKey } from '../access/keys.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Descriptors that are kept for files, logs and stores. */
const OTHER_DESCRIPTORS = 64;

/** As many connections as the process may have descriptors, but for some. */
function defaultConnections(): number {
  const limit = descriptorLimit();
  return Math.max(1, limit - OTHER_DESCRIPTORS, Math.floor(limit / 2));
}

const TRANSPORTS = ['auto', 'uws', 'node'] as const;
const SCORINGS = ['pool', 'auto', 'inline'] as const;
const CHALLENGER_MODES = ['ab', 'shadow'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** Python's names of the same levels: the Python service that this server replaces accepts them. */
const PYTHON_LOG_LEVELS = { notset: 'trace', warning: 'warn', critical: 'fatal' } as const;

export type TransportSetting = (typeof TRANSPORTS)[number];
export type Scoring = (typeof SCORINGS)[number];
export type ChallengerMode = (typeof CHALLENGER_MODES)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Challenger {
  readonly version: string;
  /** Share of the requests that it scores: 0 to 1. */
  readonly share: number;
  /** `ab`: the challenger answers its share. `shadow`: it scores its share, and the champion answers all requests. */
  readonly mode: ChallengerMode;
}

export interface Config {
  readonly http: {
    /** TCP port; 0 takes a free one. */
    readonly port: number;
    /** Address or host name to listen on. */
    readonly host: string;
    /** Threads that accept connections. */
    readonly acceptors: number;
    /** What speaks HTTP: `uws` is uWebSockets.js, `node` Node's own server, `auto` the former where it loads. */
    readonly transport: TransportSetting;
    /** Largest head of a request, in bytes. */
    readonly maxHeaderBytes: number;
    /** Most connections that are open at once. */
    readonly maxConnections: number;
    /** How long an idle connection is kept, in milliseconds; uWebSockets.js has 8 to 12 s of its own. */
    readonly keepAliveMs: number;
    /** How long a body may come without a byte, in milliseconds. */
    readonly bodyTimeoutMs: number;
    /** Slowest that a body may come once it has taken longer than `bodyTimeoutMs`, in bytes a second. */
    readonly bodyMinBytesPerSecond: number;
    /** Compress large answers for clients that accept it. */
    readonly compress: boolean;
    /** Both PEM files, or neither. */
    readonly tls: TlsFiles | undefined;
    /** Origins whose pages may call this server from a browser; `*` is any. Empty: none. */
    readonly corsOrigins: readonly string[];
    /** Reverse proxies in front of this server that append to X-Forwarded-For; 0 ignores the header. */
    readonly trustedProxies: number;
    /** Where clients reach the server, without a slash at its end; undefined: links are relative to the host. */
    readonly publicUrl: string | undefined;
    /** Largest request body, in bytes. */
    readonly maxBodyBytes: number;
    /** Maximum number of rows in one batch request. */
    readonly maxBatchRows: number;
    /** Maximum time from a request's last byte to its answer, in milliseconds. */
    readonly requestTimeoutMs: number;
    /** Maximum time from a signal to the end of the process, in milliseconds. */
    readonly drainTimeoutMs: number;
    /** How much of it passes before the port closes, so that load balancers see that `/readyz` answers 503. */
    readonly drainDelayMs: number;
  };
  readonly access: {
    /** Keys for scoring. Empty: scoring is open. */
    readonly apiKeys: readonly ApiKey[];
    /** Keys for the admin routes. Empty: there are no admin routes. */
    readonly adminApiKeys: readonly ApiKey[];
    /** Where the keys are read from, at start and on SIGHUP; undefined where they stand in the environment. */
    readonly apiKeysFile: string | undefined;
    readonly adminApiKeysFile: string | undefined;
    /** `/metrics` asks for a key too. */
    readonly metricsAuth: boolean;
    /** Requests a second for each key, or each address without one; 0 is off. */
    readonly rateLimit: number;
  };
  readonly models: {
    /**
     * Where the artifacts are: a bucket if MODEL_S3_BUCKET is set, otherwise a folder. The prefix is empty or ends in a
     * slash.
     */
    readonly store:
      | { readonly kind: 'folder'; readonly folder: string }
      | { readonly kind: 'path'; readonly path: string; readonly addressing: S3Addressing }
      | {
          readonly kind: 's3';
          readonly bucket: string;
          readonly prefix: string;
          readonly addressing: S3Addressing;
        };

    /** The version to serve; undefined: the one that current.json names, otherwise the highest. */
    readonly version: string | undefined;
    /** Seconds between two polls of the store for another version; 0 is off. */
    readonly pollSeconds: number;
    /** Whether an artifact whose metadata lacks a checksum of a file in use is refused. */
    readonly requireChecksums: boolean;
    /** Ed25519 public key (PEM) that every artifact must be signed with. */
    readonly publicKey: string | undefined;
    /** Whether current.json must be signed with that key, and newer than every one that was followed. */
    readonly requireSignedPointer: boolean;
    /** File that keeps the newest signed pointer that was followed; undefined: a restart forgets it. */
    readonly pointerState: string | undefined;
    readonly challenger: Challenger | undefined;
  };
  /** How answers rank top features where a request does not say. */
  readonly explain: Explanation;
  readonly scoring: {
    readonly mode: Scoring;
    /** Scoring threads of all acceptors together; each acceptor has at least one. */
    readonly workers: number;
    /** Maximum number of rows that wait to be scored; further ones are refused with 503. */
    readonly queueRows: number;
  };
  readonly log: {
    readonly level: LogLevel;
    /** Share of the predictions that are logged: 0 to 1. */
    readonly predictionSample: number;
    /** Append-only file of audit events; undefined: they go to the log. */
    readonly auditFile: string | undefined;
    /** Admin calls whose entry cannot be written are refused. */
    readonly auditRequired: boolean;
  };
  /** File that holds the process id while the port is open. */
  readonly pidFile: string | undefined;
}

export interface Configuration {
  /** Deeply frozen. */
  readonly config: Config;
  /** One line each: settings that are probably mistakes, but do not prevent the server from starting. */
  readonly warnings: readonly string[];
}

/** The settings that decide whether a server takes a version, and which. */
export type LoadRules = Pick<Config['models'], 'version' | 'requireChecksums' | 'publicKey' | 'requireSignedPointer'>;

/** The settings that the command line gives, by their variables. */
export type Flags = Readonly<Partial<Record<Setting, string>>>;

/**
 * Reads and checks all settings.
 * @throws LightscoreError CONFIG_INVALID, whose message has one line for each mistake
 */
export function readConfig(env: Environment, flags: Flags = {}): Configuration {
  const read = new Reader(merged(env, flags));
  checkFlags(flags, read);
  const acceptors = read.integer('ACCEPTORS', { fallback: DEFAULTS.ACCEPTORS, min: 1, max: 64 });

  const config: Config = {
    http: readHttp(read, acceptors),
    access: {
      apiKeys: read.keys('API_KEYS', 'API_KEYS_FILE'),
      adminApiKeys: read.keys('ADMIN_API_KEYS', 'ADMIN_API_KEYS_FILE'),
      apiKeysFile: read.text('API_KEYS_FILE'),
      adminApiKeysFile: read.text('ADMIN_API_KEYS_FILE'),
      metricsAuth: read.flag('METRICS_AUTH', DEFAULTS.METRICS_AUTH),
      rateLimit: read.integer('RATE_LIMIT', { fallback: DEFAULTS.RATE_LIMIT, min: 0, max: 1_000_000 }),
    },
    models: {
      store: readStore(read),
      ...readRules(read),
      pollSeconds: read.number('MODEL_POLL_SECONDS', { fallback: DEFAULTS.MODEL_POLL_SECONDS, min: 0, max: 86_400 }),
      pointerState: read.newFile('MODEL_POINTER_STATE'),
      challenger: readChallenger(read),
    },
    explain: read.choice('EXPLAIN', EXPLANATIONS, DEFAULTS.EXPLAIN),
    scoring: {
      mode: read.choice('SCORING', SCORINGS, DEFAULTS.SCORING),
      workers: read.integer('WORKERS', { fallback: workersFor(acceptors), min: 1, max: 256 }),
      queueRows: read.integer('QUEUE_ROWS', { fallback: DEFAULTS.QUEUE_ROWS, min: 1, max: 10_000_000 }),
    },
    log: {
      level: read.choice('LOG_LEVEL', LOG_LEVELS, DEFAULTS.LOG_LEVEL, PYTHON_LOG_LEVELS),
      predictionSample: read.number('PREDICTION_LOG_SAMPLE', {
        fallback: DEFAULTS.PREDICTION_LOG_SAMPLE,
        min: 0,
        max: 1,
      }),
      auditFile: read.newFile('AUDIT_LOG'),
      auditRequired: read.flag('AUDIT_REQUIRED', DEFAULTS.AUDIT_REQUIRED),
    },
    pidFile: read.newFile('PID_FILE'),
  };
  checkTogether(config, read);

  if (read.mistakes.length > 0) throw new LightscoreError('CONFIG_INVALID', inTermsOf(flags, read.mistakes.join('\n')));
  const warnings = [...read.warnings.map((line) => inTermsOf(flags, line)), ...misspelled(env)];
  return { config: deepFreeze(config), warnings };
}

function readHttp(read: Reader, acceptors: number): Config['http'] {
  return {
    port: read.integer('PORT', { fallback: DEFAULTS.PORT, min: 0, max: 65_535 }),
    host: read.host('HOST', DEFAULTS.HOST),
    acceptors,
    transport: read.choice('TRANSPORT', TRANSPORTS, DEFAULTS.TRANSPORT),
    maxConnections: read.integer('MAX_CONNECTIONS', { fallback: defaultConnections(), min: 1, max: 10_000_000 }),
    keepAliveMs: read.integer('KEEP_ALIVE_MS', { fallback: DEFAULTS.KEEP_ALIVE_MS, min: 0, max: 3_600_000 }),
    bodyTimeoutMs: read.integer('BODY_TIMEOUT_MS', { fallback: DEFAULTS.BODY_TIMEOUT_MS, min: 1, max: 600_000 }),
    bodyMinBytesPerSecond: read.integer('BODY_MIN_BYTES_PER_SECOND', {
      fallback: DEFAULTS.BODY_MIN_BYTES_PER_SECOND,
      min: 0,
      max: 1024 ** 3,
    }),
    compress: read.flag('COMPRESS_RESPONSES', DEFAULTS.COMPRESS_RESPONSES),
    maxHeaderBytes: read.integer('MAX_HEADER_BYTES', {
      fallback: DEFAULTS.MAX_HEADER_BYTES,
      min: 1024,
      max: 1024 ** 2,
    }),
    tls: readTls(read),
    corsOrigins: read.origins('CORS_ORIGINS'),
    publicUrl: readPublicUrl(read),
    trustedProxies: read.integer('TRUST_PROXY', { fallback: DEFAULTS.TRUST_PROXY, min: 0, max: 16 }),
    maxBodyBytes: read.integer('MAX_BODY_BYTES', { fallback: DEFAULTS.MAX_BODY_BYTES, min: 1, max: 1024 ** 3 }),
    maxBatchRows: read.integer('MAX_BATCH_ROWS', {
      fallback: DEFAULTS.MAX_BATCH_ROWS,
      min: 1,
      max: SCHEMA_LIMITS.batchRows,
    }),
    requestTimeoutMs: read.integer('REQUEST_TIMEOUT_MS', {
      fallback: DEFAULTS.REQUEST_TIMEOUT_MS,
      min: 1,
      max: 600_000,
    }),
    ...readDraining(read),
  };
}

function readDraining(read: Reader): Pick<Config['http'], 'drainTimeoutMs' | 'drainDelayMs'> {
  const limits = { min: 0, max: 600_000 };
  const drainTimeoutMs = read.integer('DRAIN_TIMEOUT_MS', { fallback: DEFAULTS.DRAIN_TIMEOUT_MS, ...limits });
  const fallback = Math.min(DEFAULTS.DRAIN_DELAY_MS, drainTimeoutMs / 2);
  const drainDelayMs = read.integer('DRAIN_DELAY_MS', { fallback, ...limits });
  if (drainDelayMs > 0 && drainDelayMs >= drainTimeoutMs)
    read.mistake(`DRAIN_DELAY_MS (${drainDelayMs}) must be less than DRAIN_TIMEOUT_MS (${drainTimeoutMs}), its limit`);
  return { drainTimeoutMs, drainDelayMs };
}

/**
 * Reads the settings that decide whether a server takes a version, and no others.
 * @throws LightscoreError CONFIG_INVALID, one line for each mistake
 */
export function readLoadRules(env: Environment, flags: Flags): LoadRules {
  const read = new Reader({ ...env, ...flags });
  const rules = readRules(read);
  if (read.mistakes.length > 0) throw new LightscoreError('CONFIG_INVALID', inTermsOf(flags, read.mistakes.join('\n')));
  return rules;
}

function readRules(read: Reader): LoadRules {
  const requireSignedPointer = read.flag('MODEL_REQUIRE_SIGNED_POINTER', DEFAULTS.MODEL_REQUIRE_SIGNED_POINTER);
  if (requireSignedPointer && !read.isSet('MODEL_PUBLIC_KEY'))
    read.mistake('MODEL_REQUIRE_SIGNED_POINTER is 1, but MODEL_PUBLIC_KEY is not set: there is nothing to verify with');
  return {
    version: read.version('MODEL_VERSION'),
    requireChecksums: read.flag('MODEL_REQUIRE_CHECKSUMS', DEFAULTS.MODEL_REQUIRE_CHECKSUMS),
    publicKey: read.publicKey('MODEL_PUBLIC_KEY'),
    requireSignedPointer,
  };
}

/** Settings that take each other's place. */
const ALTERNATIVES = [
  ['MODEL_DIR', 'MODEL_S3_BUCKET'],
  ['MODEL_PATH', 'MODEL_S3_BUCKET'],
  ['MODEL_DIR', 'MODEL_PATH'],
  ['API_KEYS', 'API_KEYS_FILE'],
  ['ADMIN_API_KEYS', 'ADMIN_API_KEYS_FILE'],
] as const satisfies readonly (readonly [Setting, Setting])[];

/** The environment as the flags change it: a flag also takes the place of its alternative's variable. */
function merged(env: Environment, flags: Flags): Environment {
  const replaced: Record<string, undefined> = {};
  for (const [one, other] of ALTERNATIVES) {
    if (flags[one] !== undefined) replaced[other] = undefined;
    if (flags[other] !== undefined) replaced[one] = undefined;
  }
  return { ...env, ...replaced, ...flags };
}

/** Checks what only a command line can get wrong. */
function checkFlags(flags: Flags, read: Reader): void {
  const sources = (['MODEL_PATH', 'MODEL_DIR', 'MODEL_S3_BUCKET'] as const).filter((name) => flags[name] !== undefined);
  if (sources.length > 1)
    read.mistake(`${sources.slice(0, 2).join(' and ')} are both given: the versions have one source`);
  for (const name of ['API_KEYS', 'ADMIN_API_KEYS'] as const) {
    const keys = flags[name]?.split(',') ?? [];
    if (keys.some((key) => !/^[^:]*:sha256:/i.test(key.trim())))
      read.warnings.push(
        `${name}: other users of this machine can see the command line; ` +
          `give hashes (id:sha256:HEX) or a file (${flagOf(`${name}_FILE`)})`,
      );
  }
}

/** Names settings in a message as the user has: by their flags where flags give them. */
export function inTermsOf(flags: Flags, message: string): string {
  const names = Object.keys(flags).join('|');
  return names === '' ? message : message.replaceAll(new RegExp(`(?<![\\w-])(${names})(?!\\w)`, 'g'), flagOf);
}

function readTls(read: Reader): TlsFiles | undefined {
  const certFile = read.existingFile('TLS_CERT_FILE');
  const keyFile = read.existingFile('TLS_KEY_FILE');
  const clientCaFile = read.existingFile('TLS_CLIENT_CA_FILE');
  if (read.isSet('TLS_CERT_FILE') !== read.isSet('TLS_KEY_FILE')) {
    const names = ['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const;
    const [set, missing] = read.isSet('TLS_CERT_FILE') ? names : names.toReversed();
    read.mistake(`${missing} is not set, but ${set} is: TLS needs both`);
  }
  if (read.isSet('TLS_CLIENT_CA_FILE') && !read.isSet('TLS_CERT_FILE')) {
    read.mistake('TLS_CLIENT_CA_FILE is set, but TLS_CERT_FILE is not: without TLS there are no client certificates');
  }
  if (certFile === undefined || keyFile === undefined) return undefined;
  const files = { certFile, keyFile, clientCaFile };
  const { mistake, warning } = checkTls(files);
  if (warning !== undefined) read.warnings.push(warning);
  return mistake === undefined ? files : read.mistake(mistake);
}

function readStore(read: Reader): Config['models']['store'] {
  const bucket = read.bucket('MODEL_S3_BUCKET');
  const prefix = read.prefix('MODEL_S3_PREFIX', DEFAULTS.MODEL_S3_PREFIX);
  const addressing = read.choice('MODEL_S3_ADDRESSING', S3_ADDRESSING, DEFAULTS.MODEL_S3_ADDRESSING);
  const path = read.text('MODEL_PATH');
  if (path !== undefined && bucket !== undefined)
    read.mistake('MODEL_PATH and MODEL_S3_BUCKET are both set: the versions have one source');
  if (path !== undefined) return { kind: 'path', path, addressing };
  if (bucket !== undefined) return { kind: 's3', bucket, prefix, addressing };
  return { kind: 'folder', folder: read.text('MODEL_DIR') ?? DEFAULTS.MODEL_DIR };
}

function readChallenger(read: Reader): Challenger | undefined {
  const version = read.version('CHALLENGER_VERSION');
  const mode = read.choice('CHALLENGER_MODE', CHALLENGER_MODES, DEFAULTS.CHALLENGER_MODE);
  // A challenger in shadow mode answers no request, so by default it scores all of them.
  const fallback = mode === 'shadow' ? 1 : DEFAULTS.CHALLENGER_SHARE;
  const share = read.number('CHALLENGER_SHARE', { fallback, min: 0, max: 1 });
  if (!read.isSet('CHALLENGER_VERSION')) {
    for (const name of ['CHALLENGER_SHARE', 'CHALLENGER_MODE'] as const) {
      if (read.isSet(name)) read.mistake(`${name} is set, but CHALLENGER_VERSION is not: there is no challenger`);
    }
  }
  return version === undefined ? undefined : { version, share, mode };
}

/** Checks the settings that depend on each other. */
function checkTogether({ access, http, log, models, scoring }: Config, read: Reader): void {
  if (log.auditRequired && log.auditFile === undefined)
    read.mistake('AUDIT_REQUIRED is 1, but AUDIT_LOG is not set: there is no trail to write to');
  const { challenger, version, requireSignedPointer, pointerState } = models;
  if (pointerState !== undefined && !requireSignedPointer)
    read.mistake(
      'MODEL_POINTER_STATE is set, but MODEL_REQUIRE_SIGNED_POINTER is not: no pointer is followed in order',
    );
  if (requireSignedPointer && version !== undefined)
    read.warnings.push(`MODEL_REQUIRE_SIGNED_POINTER has no effect: MODEL_VERSION is ${version}`);
  if (challenger !== undefined && challenger.version === version)
    read.mistake(`CHALLENGER_VERSION is ${challenger.version}, the same as MODEL_VERSION`);
  if (challenger !== undefined && challenger.share === 0)
    read.warnings.push(`the challenger ${challenger.version} scores no requests: CHALLENGER_SHARE is 0`);
  checkKeysDiffer(access, read);
  if (access.metricsAuth && access.apiKeys.length + access.adminApiKeys.length === 0)
    read.mistake('METRICS_AUTH is 1, but neither API_KEYS nor ADMIN_API_KEYS is set: nobody could read the metrics');
  if (scoring.workers < http.acceptors)
    read.warnings.push(
      `WORKERS (${scoring.workers}) is less than ACCEPTORS (${http.acceptors}): ` +
        `there are ${http.acceptors} scoring threads, one for each acceptor`,
    );
  if (scoring.queueRows < http.maxBatchRows) {
    read.warnings.push(
      `QUEUE_ROWS (${scoring.queueRows}) is less than MAX_BATCH_ROWS (${http.maxBatchRows}): ` +
        'batches larger than the queue are always refused',
    );
  }
}

function checkKeysDiffer(access: AccessKeys, read: Reader): void {
  for (const { id, digest } of access.adminApiKeys) {
    const same = access.apiKeys.find((key) => key.digest.equals(digest));
    if (same !== undefined)
      read.mistake(
        `ADMIN_API_KEYS: the key of ${JSON.stringify(id)} is also the key of ${JSON.stringify(same.id)} in API_KEYS: ` +
          'administration needs a different key',
      );
  }
}

/**
 * Reads the keys again that come from files (API_KEYS_FILE, ADMIN_API_KEYS_FILE).
 * @returns all keys that hold from here on
 * @throws LightscoreError CONFIG_INVALID, one line for each mistake
 */
export function rereadKeys({ apiKeys, adminApiKeys, apiKeysFile, adminApiKeysFile }: Config['access']): AccessKeys {
  const read = new Reader({ API_KEYS_FILE: apiKeysFile, ADMIN_API_KEYS_FILE: adminApiKeysFile });
  const keys: AccessKeys = {
    apiKeys: apiKeysFile === undefined ? apiKeys : read.keys('API_KEYS', 'API_KEYS_FILE'),
    adminApiKeys: adminApiKeysFile === undefined ? adminApiKeys : read.keys('ADMIN_API_KEYS', 'ADMIN_API_KEYS_FILE'),
  };
  checkKeysDiffer(keys, read);
  if (read.mistakes.length > 0) throw new LightscoreError('CONFIG_INVALID', read.mistakes.join('\n'));
  return keys;
}

function deepFreeze<T extends object>(value: T): T {
  // A Buffer cannot be frozen; the digests of keys are the only Buffers here.
  for (const part of Object.values(value))
    if (typeof part === 'object' && part !== null && !Buffer.isBuffer(part)) deepFreeze(part);
  return Object.freeze(value);
}

/** @returns the address without a slash at its end */
function readPublicUrl(read: Reader): string | undefined {
  const text = read.text('PUBLIC_URL');
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  if (!isPlain || url.username !== '')
    read.mistake(`PUBLIC_URL must be a URL such as https://api.example.com/scoring, not "${text}"`);
  return text.replace(/\/+$/, '');
}
