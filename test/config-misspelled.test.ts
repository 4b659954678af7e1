/** Warnings of misspelled variables, and names that draw none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readConfig } from '../src/config/config.js';
import { misspelled, VARIABLES } from '../src/config/misspelled.js';
import { DEFAULTS } from '../src/config/settings.js';

describe('a misspelled variable draws a warning', () => {
  const typos: [string, string][] = [
    ['LOG_LEVL', 'LOG_LEVEL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG_LVL', 'LOG_LEVEL'],
    ['log_level', 'LOG_LEVEL'],
    ['WORKER', 'WORKERS'],
    ['WROKERS', 'WORKERS'],
    ['PROT', 'PORT'],
    ['PORTT', 'PORT'],
    ['HSOT', 'HOST'],
    ['API_KEY', 'API_KEYS'],
    ['APIKEYS', 'API_KEYS'],
    ['ADMIN_API_KEY', 'ADMIN_API_KEYS'],
    ['MODEL_DIRS', 'MODEL_DIR'],
    ['MODLE_VERSOIN', 'MODEL_VERSION'],
    ['MODEL_S3_BUKET', 'MODEL_S3_BUCKET'],
    ['MAX_BODY_BYTE', 'MAX_BODY_BYTES'],
    ['TRUST_PROXI', 'TRUST_PROXY'],
    ['TRUSTED_PROXY', 'TRUST_PROXY'],
    ['RATE_LIMITS', 'RATE_LIMIT'],
    ['CHALENGER_SHARE', 'CHALLENGER_SHARE'],
    ['TLS_CERTFILE', 'TLS_CERT_FILE'],
    ['REQUEST_TIMEOUT_S', 'REQUEST_TIMEOUT_MS'],
    ['LIGHTSCORE_URI', 'LIGHTSCORE_URL'],
  ];
  for (const [name, ours] of typos) {
    test(name, () =>
      assert.deepEqual(readConfig({ [name]: '1' }).warnings, [
        `${name} is not a setting of this server: did you mean ${ours}?`,
      ]),
    );
  }

  test('with any one letter left out, doubled or swapped with the next', () => {
    for (const ours of VARIABLES) {
      for (let i = 1; i < ours.length - 1; i++) {
        const swapped = ours.slice(0, i) + ours[i + 1] + ours[i] + ours.slice(i + 2);
        for (const typo of [ours.slice(0, i) + ours.slice(i + 1), ours.slice(0, i) + ours.slice(i - 1), swapped]) {
          if (typo !== ours) assert.equal(misspelled({ [typo]: 'x' }).length, 1, typo);
        }
      }
    }
  });
});

describe('no warning is drawn by', () => {
  const injected = (service: string): Record<string, string> => ({
    [`${service}_SERVICE_HOST`]: '10.0.0.7',
    [`${service}_SERVICE_PORT`]: '8000',
    [`${service}_SERVICE_PORT_HTTP`]: '8000',
    [`${service}_PORT`]: 'tcp://10.0.0.7:8000',
    [`${service}_PORT_8000_TCP`]: 'tcp://10.0.0.7:8000',
    [`${service}_PORT_8000_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_8000_TCP_PORT`]: '8000',
    [`${service}_PORT_8000_TCP_ADDR`]: '10.0.0.7',
  });
  for (const service of ['KUBERNETES', 'LIGHTSCORE', 'A', 'X', 'HOST', 'PORT', 'WORKERS', 'MODEL', 'API_KEYS', 'LOG']) {
    test(`what Kubernetes injects for a service ${service}`, () => assert.deepEqual(misspelled(injected(service)), []));
  }

  test("PORT_8000_TCP and other platforms' numbered ports", () => {
    assert.deepEqual(
      misspelled({ PORT_8000_TCP: 'tcp://10.0.0.7:8000', PORT0: '31000', PORT1: '31001', PORT_8000: '31000' }),
      [],
    );
  });

  test('names that are other words', () => {
    const names = [
      'HOME',
      'PATH',
      'USER',
      'HOSTNAME',
      'TERM',
      'SHLVL',
      'PWD',
      'LANG',
      'TZ',
      'MAIL',
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'BROKERS',
      'MODEL_ID',
      'MODEL_URI',
      'MODEL_NAME',
      'WORKER_ID',
      'HTTP_PORT',
      'LOG_DIR',
      'NODE_ENV',
      'NODE_OPTIONS',
      'AWS_REGION',
      'AWS_ENDPOINT_URL_S3',
      'API_URL',
      'API_HOST',
      'HTTPS_PROXY',
      'no_proxy',
      'UV_THREADPOOL_SIZE',
      '_',
      '',
    ];
    assert.deepEqual(misspelled(Object.fromEntries(names.map((name) => [name, 'x']))), []);
  });

  test('our own names', () =>
    assert.deepEqual(misspelled(Object.fromEntries(VARIABLES.map((name) => [name, 'x']))), []));
});

test('every default belongs to a variable', () => {
  for (const name of Object.keys(DEFAULTS))
    assert.ok(
      VARIABLES.some((variable) => variable === name),
      name,
    );
});
