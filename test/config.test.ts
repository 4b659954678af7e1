/** The configuration: defaults, values, and mistakes in one line each. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readConfig, type Environment } from '../src/config/config.js';
import { LightscoreError } from '../src/errors.js';
import { projectRoot } from './support/project.js';

const KEY = 'a-key-of-some-length';
const folder = mkdtempSync(join(tmpdir(), 'lightscore-config-'));
after(() => rmSync(folder, { recursive: true }));

/** The lines of the error that `env` draws. */
function mistakes(env: Environment): string[] {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof LightscoreError && error.code === 'CONFIG_INVALID' && error.exitCode === 2);
    return error.message.split('\n');
  }
  return [];
}

const bucketStore = (env: Environment) => readConfig({ MODEL_S3_BUCKET: 'fraud-models', ...env }).config.models.store;

const digest = (key: string) => createHash('sha256').update(key).digest();

const withChallenger = (env: Environment) => readConfig({ CHALLENGER_VERSION: 'v2', ...env });

const pem = (type: 'ed25519' | 'x25519', kind: 'public' | 'private') => {
  const pair = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  return kind === 'public'
    ? pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    : pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
};

describe('an empty environment', () => {
  test('gives the documented defaults and no warning', () => {
    const { config, warnings } = readConfig({});
    assert.deepEqual(config, {
      http: {
        port: 8000,
        host: '0.0.0.0',
        acceptors: 1,
        transport: 'auto',
        maxConnections: config.http.maxConnections,
        keepAliveMs: 75_000,
        bodyTimeoutMs: 8_000,
        bodyMinBytesPerSecond: 1_024,
        compress: false,
        maxHeaderBytes: 16_384,
        tls: undefined,
        corsOrigins: [],
        publicUrl: undefined,
        trustedProxies: 0,
        maxBodyBytes: 4_194_304,
        maxBatchRows: 10_000,
        requestTimeoutMs: 1_000,
        drainTimeoutMs: 10_000,
        drainDelayMs: 1000,
      },
      access: {
        apiKeys: [],
        adminApiKeys: [],
        apiKeysFile: undefined,
        adminApiKeysFile: undefined,
        metricsAuth: false,
        rateLimit: 0,
      },
      models: {
        store: { kind: 'folder', folder: './models' },
        version: undefined,
        pollSeconds: 0,
        requireChecksums: false,
        publicKey: undefined,
        requireSignedPointer: false,
        pointerState: undefined,
        challenger: undefined,
      },
      explain: 'importance',
      scoring: { mode: 'pool', workers: Math.max(1, availableParallelism() - 1), queueRows: 20_000 },
      log: { level: 'info', predictionSample: 1, auditFile: undefined, auditRequired: false },
      pidFile: undefined,
    });
    assert.deepEqual(warnings, []);
  });

  test('is the same as one of blank values', () => {
    assert.deepEqual(
      readConfig({ PORT: '', API_KEYS: ' ', MODEL_S3_BUCKET: '', LOG_LEVEL: '', TLS_CERT_FILE: '' }),
      readConfig({}),
    );
  });
});

describe('values', () => {
  test('numbers, flags and choices are read', () => {
    const { config } = readConfig({
      PORT: '0',
      HOST: '::1',
      WORKERS: '3',
      SCORING: 'Auto',
      ACCEPTORS: '2',
      RATE_LIMIT: '50',
      TRUST_PROXY: '2',
      METRICS_AUTH: '1',
      API_KEYS: `a:${KEY}`,
      PREDICTION_LOG_SAMPLE: '0.25',
      MAX_BODY_BYTES: '1000',
      MAX_BATCH_ROWS: '10',
      QUEUE_ROWS: '100',
      REQUEST_TIMEOUT_MS: '250',
      DRAIN_TIMEOUT_MS: '0',
      MODEL_POLL_SECONDS: '0.5',
      MODEL_REQUIRE_CHECKSUMS: 'true',
      MODEL_VERSION: 'v1.1.0-rc.1+b2',
      MODEL_DIR: '/srv/models',
    });
    assert.deepEqual(
      [config.http.port, config.http.host, config.http.acceptors, config.http.trustedProxies],
      [0, '::1', 2, 2],
    );
    assert.deepEqual(config.scoring, { mode: 'auto', workers: 3, queueRows: 100 });
    assert.deepEqual(
      [config.http.maxBodyBytes, config.http.maxBatchRows, config.http.requestTimeoutMs, config.http.drainTimeoutMs],
      [1000, 10, 250, 0],
    );
    assert.deepEqual(
      [config.access.rateLimit, config.access.metricsAuth, config.log.predictionSample],
      [50, true, 0.25],
    );
    assert.deepEqual(
      [config.models.pollSeconds, config.models.requireChecksums, config.models.version],
      [0.5, true, 'v1.1.0-rc.1+b2'],
    );
    assert.deepEqual(config.models.store, { kind: 'folder', folder: '/srv/models' });
  });

  for (const [given, level] of [
    ['INFO', 'info'],
    ['debug', 'debug'],
    ['WARNING', 'warn'],
    ['Critical', 'fatal'],
    ['NOTSET', 'trace'],
    ['silent', 'silent'],
  ] as const) {
    test(`LOG_LEVEL ${given} is ${level}`, () =>
      assert.equal(readConfig({ LOG_LEVEL: given }).config.log.level, level));
  }

  test('a bucket replaces the folder, and its prefix ends in one slash', () => {
    assert.deepEqual(bucketStore({}), { kind: 's3', bucket: 'fraud-models', prefix: 'models/', addressing: 'auto' });
    assert.deepEqual(bucketStore({ MODEL_S3_PREFIX: '/team/a' }), {
      kind: 's3',
      bucket: 'fraud-models',
      prefix: 'team/a/',
      addressing: 'auto',
    });
    assert.deepEqual(bucketStore({ MODEL_S3_PREFIX: '/' }), {
      kind: 's3',
      bucket: 'fraud-models',
      prefix: '',
      addressing: 'auto',
    });
  });

  test('the result is frozen all the way down', () => {
    const { config } = readConfig({ API_KEYS: `a:${KEY}` });
    for (const part of [
      config,
      config.http,
      config.access,
      config.access.apiKeys,
      config.access.apiKeys[0],
      config.models.store,
    ])
      assert.ok(Object.isFrozen(part));
  });
});

describe('mistakes', () => {
  const wrong: [Environment, string][] = [
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535, not "65536"'],
    [{ PORT: 'tcp://10.0.0.1:8000' }, 'PORT must be a whole number from 0 to 65535, not "tcp://10.0.0.1:8000"'],
    [{ PORT: '0x10' }, 'PORT must be a whole number from 0 to 65535, not "0x10"'],
    [{ HOST: '1.2.3' }, 'HOST must be an IP address or a host name, not "1.2.3"'],
    [{ WORKERS: '0' }, 'WORKERS must be a whole number from 1 to 256, not "0"'],
    [{ WORKERS: '1.5' }, 'WORKERS must be a whole number from 1 to 256, not "1.5"'],
    [{ PREDICTION_LOG_SAMPLE: '1.1' }, 'PREDICTION_LOG_SAMPLE must be a number from 0 to 1, not "1.1"'],
    [{ PREDICTION_LOG_SAMPLE: '-0' }, 'PREDICTION_LOG_SAMPLE must be a number from 0 to 1, not "-0"'],
    [{ MODEL_POLL_SECONDS: 'Infinity' }, 'MODEL_POLL_SECONDS must be a number from 0 to 86400, not "Infinity"'],
    [{ MAX_BATCH_ROWS: '100001' }, 'MAX_BATCH_ROWS must be a whole number from 1 to 100000, not "100001"'],
    [{ SCORING: 'gpu' }, 'SCORING must be one of pool, auto, inline, not "gpu"'],
    [
      { LOG_LEVEL: 'constructor' },
      'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "constructor"',
    ],
    [{ METRICS_AUTH: '2' }, 'METRICS_AUTH must be 0 or 1, not "2"'],
    [
      { PUBLIC_URL: 'example.com' },
      'PUBLIC_URL must be a URL such as https://api.example.com/scoring, not "example.com"',
    ],
    [{ PUBLIC_URL: 'ftp://a/' }, 'PUBLIC_URL must be a URL such as https://api.example.com/scoring, not "ftp://a/"'],
    [
      { PUBLIC_URL: 'https://a/?b=c' },
      'PUBLIC_URL must be a URL such as https://api.example.com/scoring, not "https://a/?b=c"',
    ],
    [{ AUDIT_REQUIRED: '1' }, 'AUDIT_REQUIRED is 1, but AUDIT_LOG is not set: there is no trail to write to'],
    [
      { METRICS_AUTH: '1' },
      'METRICS_AUTH is 1, but neither API_KEYS nor ADMIN_API_KEYS is set: nobody could read the metrics',
    ],
    [
      { MODEL_VERSION: '../v1' },
      'MODEL_VERSION must be the name of a version (letters, digits, ".", "_", "+", "-"), not "../v1"',
    ],
    [
      { MODEL_S3_BUCKET: 's3://fraud/models' },
      'MODEL_S3_BUCKET must be the name of a bucket (without s3:// and path; the path goes into MODEL_S3_PREFIX), ' +
        'not "s3://fraud/models"',
    ],
    [{ CHALLENGER_SHARE: '0.1' }, 'CHALLENGER_SHARE is set, but CHALLENGER_VERSION is not: there is no challenger'],
    [
      { CHALLENGER_VERSION: 'v2', MODEL_VERSION: 'v2', CHALLENGER_SHARE: '1' },
      'CHALLENGER_VERSION is v2, the same as MODEL_VERSION',
    ],
    [
      { TLS_CERT_FILE: '/no/such.pem', TLS_KEY_FILE: folder },
      'TLS_CERT_FILE: /no/such.pem: no such file|TLS_KEY_FILE: ' + folder + ': is not a file',
    ],
    [{ AUDIT_LOG: '/no/such/audit.jsonl' }, 'AUDIT_LOG: /no/such/audit.jsonl: the folder /no/such does not exist'],
    [{ AUDIT_LOG: folder }, `AUDIT_LOG: ${folder}: is a folder`],
    [
      { MODEL_REQUIRE_SIGNED_POINTER: '1' },
      'MODEL_REQUIRE_SIGNED_POINTER is 1, but MODEL_PUBLIC_KEY is not set: there is nothing to verify with',
    ],
    [
      { MODEL_POINTER_STATE: join(folder, 'pointer.json') },
      'MODEL_POINTER_STATE is set, but MODEL_REQUIRE_SIGNED_POINTER is not: no pointer is followed in order',
    ],
    [
      {
        MODEL_POINTER_STATE: '/no/such/state',
        MODEL_REQUIRE_SIGNED_POINTER: '1',
        MODEL_PUBLIC_KEY: pem('ed25519', 'public'),
      },
      'MODEL_POINTER_STATE: /no/such/state: the folder /no/such does not exist',
    ],
    [{ MODEL_PUBLIC_KEY: '/no/such.pem' }, 'MODEL_PUBLIC_KEY: /no/such.pem: no such file'],
  ];
  for (const [env, lines] of wrong) {
    test(JSON.stringify(env), () => assert.deepEqual(mistakes(env), lines.split('|')));
  }

  test('are all reported at once, one line each', () => {
    assert.deepEqual(
      mistakes({ PORT: 'x', WORKERS: 'x', SCORING: 'x', API_KEYS: 'x', TRUST_PROXY: 'x' }).map(
        (line) => line.split(/[ :]/, 1)[0],
      ),
      ['PORT', 'TRUST_PROXY', 'API_KEYS', 'SCORING', 'WORKERS'],
    );
  });

  test('a signed pointer has no effect where MODEL_VERSION names the version, which is a warning', () => {
    const env = { MODEL_PUBLIC_KEY: pem('ed25519', 'public'), MODEL_REQUIRE_SIGNED_POINTER: '1' };
    assert.deepEqual(readConfig(env).warnings, []);
    assert.deepEqual(readConfig({ ...env, MODEL_VERSION: 'v1.0.0' }).warnings, [
      'MODEL_REQUIRE_SIGNED_POINTER has no effect: MODEL_VERSION is v1.0.0',
    ]);
  });

  test('one file of the TLS pair is not enough', () => {
    const certFile = join(folder, 'cert.pem');
    writeFileSync(certFile, '');
    assert.deepEqual(mistakes({ TLS_CERT_FILE: certFile }), [
      'TLS_KEY_FILE is not set, but TLS_CERT_FILE is: TLS needs both',
    ]);
  });

  test('the TLS pair must be a certificate and its key', () => {
    const [certFile, keyFile, other] = [
      join(projectRoot, 'test/data/tls/certificate.pem'),
      join(projectRoot, 'test/data/tls/key.pem'),
      join(folder, 'other.pem'),
    ];
    writeFileSync(other, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
    assert.deepEqual(readConfig({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }).config.http.tls, {
      certFile,
      keyFile,
      clientCaFile: undefined,
    });
    assert.deepEqual(mistakes({ TLS_CERT_FILE: keyFile, TLS_KEY_FILE: keyFile }), [
      `TLS_CERT_FILE: ${keyFile}: is not a PEM certificate`,
    ]);
    assert.deepEqual(mistakes({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: certFile }), [
      `TLS_KEY_FILE: ${certFile}: is not a PEM private key without a passphrase`,
    ]);
    assert.deepEqual(mistakes({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: other }), [
      `TLS_KEY_FILE: ${other}: is not the key of the certificate ${certFile}`,
    ]);
  });

  test('a path with line ends is shown on one line', () => {
    assert.deepEqual(mistakes({ AUDIT_LOG: '/no/such\r\n/folder/a\u0007' }), [
      'AUDIT_LOG: /no/such\\r\\n/folder/a\\u0007: the folder /no/such\\r\\n/folder does not exist',
    ]);
  });

  test('any environment gives a configuration or CONFIG_INVALID with as many lines as mistakes', () => {
    const names = [
      'PORT',
      'HOST',
      'API_KEYS',
      'ADMIN_API_KEYS',
      'LOG_LEVEL',
      'MODEL_VERSION',
      'MODEL_S3_BUCKET',
      'MODEL_PUBLIC_KEY',
      'PREDICTION_LOG_SAMPLE',
      'MODEL_POLL_SECONDS',
      'TLS_KEY_FILE',
      'X_PORT',
    ];
    const environment = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double().map(String),
        fc.constantFrom('a:b', 'a:b,a:c', '1e3', '.5', '::'),
      ),
    );
    fc.assert(
      fc.property(environment, (env) => {
        for (const line of mistakes(env)) assert.ok(line.length > 10 && !/[\r\n]/.test(line), line);
      }),
    );
  });
});

describe('API keys', () => {
  test('are kept as digests, given as keys or as digests', () => {
    const env = {
      API_KEYS: `web:${KEY}, batch:sha256:${digest('another').toString('hex').toUpperCase()},`,
      ADMIN_API_KEYS: `ops:with:colons:${KEY}`,
    };
    const { access } = readConfig(env).config;
    assert.deepEqual(access.apiKeys, [
      { id: 'web', digest: digest(KEY) },
      { id: 'batch', digest: digest('another') },
    ]);
    assert.deepEqual(access.adminApiKeys, [{ id: 'ops', digest: digest(`with:colons:${KEY}`) }]);
  });

  const wrong: [string, string][] = [
    [KEY, 'API_KEYS: entry 1 must be id:key or id:sha256:HEX'],
    [`:${KEY}`, 'API_KEYS: the id of entry 1 must be 1 to 64 letters, digits, ".", "_" or "-"'],
    [`a:${KEY},b:`, 'API_KEYS: the key of "b" must be 1 to 1024 visible ASCII characters'],
    ['a:clé-secrète-à-nous', 'API_KEYS: the key of "a" must be 1 to 1024 visible ASCII characters'],
    ['a:sha256:abcd', 'API_KEYS: the SHA-256 of "a" must be 64 hexadecimal digits'],
    [`a:${KEY},a:${KEY}2`, 'API_KEYS: the id "a" appears twice'],
    [`a:${KEY},b:${KEY}`, 'API_KEYS: "a" and "b" have the same key'],
  ];
  for (const [value, line] of wrong) {
    test(line, () => {
      assert.deepEqual(mistakes({ API_KEYS: value }), [line]);
      assert.ok(!line.includes(KEY), 'the key is not repeated');
    });
  }

  test('cannot be scoring and admin keys at once', () => {
    assert.deepEqual(mistakes({ API_KEYS: `a:${KEY}`, ADMIN_API_KEYS: `b:${KEY}` }), [
      'ADMIN_API_KEYS: the key of "b" is also the key of "a" in API_KEYS: administration needs a different key',
    ]);
  });

  test('that are short draw a warning', () => {
    assert.deepEqual(readConfig({ API_KEYS: 'a:short' }).warnings, [
      'API_KEYS: the key of "a" has only 5 characters: 16 or more resist guessing',
    ]);
  });
});

describe('the challenger', () => {
  test('of an A/B test answers its share', () => {
    assert.deepEqual(withChallenger({ CHALLENGER_SHARE: '0.1' }).config.models.challenger, {
      version: 'v2',
      share: 0.1,
      mode: 'ab',
    });
  });
  test('in shadow mode scores everything by default', () => {
    assert.deepEqual(withChallenger({ CHALLENGER_MODE: 'SHADOW' }).config.models.challenger, {
      version: 'v2',
      share: 1,
      mode: 'shadow',
    });
  });
  test('without a share draws a warning', () => {
    assert.deepEqual(withChallenger({}).warnings, ['the challenger v2 scores no requests: CHALLENGER_SHARE is 0']);
  });
});

describe('MODEL_PUBLIC_KEY', () => {
  test('is PEM text, on one line too, or a file of it', () => {
    const key = pem('ed25519', 'public');
    const file = join(folder, 'public.pem');
    writeFileSync(file, key);
    for (const value of [key, key.replaceAll('\n', '\\n'), file])
      assert.equal(readConfig({ MODEL_PUBLIC_KEY: value }).config.models.publicKey?.trim(), key.trim());
  });
  test('must be an Ed25519 public key', () => {
    assert.deepEqual(mistakes({ MODEL_PUBLIC_KEY: pem('x25519', 'public') }), [
      'MODEL_PUBLIC_KEY: is not an Ed25519 key, but x25519',
    ]);
    assert.deepEqual(mistakes({ MODEL_PUBLIC_KEY: pem('ed25519', 'private') }), [
      'MODEL_PUBLIC_KEY: is a private key; set the public key instead',
    ]);
    assert.deepEqual(mistakes({ MODEL_PUBLIC_KEY: '-----BEGIN nonsense' }), [
      'MODEL_PUBLIC_KEY: is not a PEM public key',
    ]);
  });
});

test('a queue smaller than a batch draws a warning', () => {
  assert.deepEqual(readConfig({ QUEUE_ROWS: '100' }).warnings, [
    'QUEUE_ROWS (100) is less than MAX_BATCH_ROWS (10000): batches larger than the queue are always refused',
  ]);
});

describe('ACCEPTORS', () => {
  test('leave the other cores to WORKERS, of which each acceptor has one', () => {
    for (const acceptors of [1, 2, 64])
      assert.equal(
        readConfig({ ACCEPTORS: String(acceptors) }).config.scoring.workers,
        Math.max(acceptors, availableParallelism() - acceptors),
      );
    assert.deepEqual(readConfig({ ACCEPTORS: '3', WORKERS: '2' }).warnings, [
      'WORKERS (2) is less than ACCEPTORS (3): there are 3 scoring threads, one for each acceptor',
    ]);
  });
  test('are 1 to 64', () => {
    for (const value of ['0', '65', '2.5'])
      assert.deepEqual(mistakes({ ACCEPTORS: value }), [
        `ACCEPTORS must be a whole number from 1 to 64, not "${value}"`,
      ]);
  });
});
