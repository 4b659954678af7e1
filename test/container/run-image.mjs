/**
 * Runs what build-image.mjs built and checks it: node run-image.mjs IMAGE.json BASE_TREE. Ends with 1 at the first
 * thing that is not so.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Container } from './container.mjs';

const [imageFile, baseTree] = process.argv.slice(2);
const image = JSON.parse(readFileSync(imageFile, 'utf8'));
const project = join(dirname(fileURLToPath(import.meta.url)), '../..');
const golden = JSON.parse(readFileSync(join(project, 'test/data/golden.v1.0.0.json'), 'utf8'));
const [uid] = image.user.split(':').map(Number);

// Folders that the image's user can read, as a volume's would be; this checkout may lie where it cannot.
const volumes = mkdtempSync(join(tmpdir(), 'lightscore-volumes-'));
const models = join(volumes, 'models');
const tls = join(volumes, 'tls');
cpSync(join(project, 'test/data/models'), models, { recursive: true });
execFileSync('sh', [
  '-c',
  `mkdir ${tls} && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=scores.example -keyo` +
    `ut ${tls}/key.pem -out ${tls}/cert.pem 2>/dev/null && chmod -R a+rX ${volumes}`,
]);
process.on('exit', () => rmSync(volumes, { recursive: true }));

const ok = (what) => process.stdout.write(`ok - ${what}\n`);
const mebibytes = (path) =>
  (Number(execFileSync('du', ['-sk', '--apparent-size', path], { encoding: 'utf8' }).split('\t')[0]) / 1024).toFixed(1);
const find = (...test) =>
  execFileSync('find', [join(image.root, image.workdir), ...test], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);

const relativeError = (value, expected) => (value === expected ? 0 : Math.abs(value / expected - 1));

async function contents() {
  const binaries = find('-name', '*.node').map((file) => file.slice(image.root.length));
  assert.equal(
    binaries.filter((file) => file.includes('uWebSockets.js')).length,
    1,
    `one binary of uWebSockets.js: ${binaries.join(' ')}`,
  );
  assert.deepEqual(
    find('(', '-uid', String(uid), '-o', '-perm', '-o+w', ')', '!', '-type', 'l'),
    [],
    'files the user of the image may change',
  );
  ok(`native binaries: ${binaries.join(', ')}; nothing in ${image.workdir} is the user's to change`);

  const { devDependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  assert.deepEqual(
    Object.keys(devDependencies).filter((name) => find('-path', `*/node_modules/${name}`).length > 0),
    [],
  );
  ok('no development dependency');

  const help = new Container(image, { cmd: ['--help'] });
  assert.equal((await help.exited).code, 0, help.stderr);
  ok('the CLI starts without development dependencies');
}

async function serving() {
  const container = new Container(image, { volumes: { '/models': models }, env: { MODEL_VERSION: 'v1.0.0' } });
  const started = performance.now();
  const { version } = await container.logged('model_loaded');
  ok(`serves ${version} from a read-only volume, ready in ${Math.round(performance.now() - started)} ms`);

  assert.equal(container.status('NSpid').split(/\s+/).at(-1), '1');
  assert.deepEqual(container.status('Uid').split(/\s+/).map(Number), [uid, uid, uid, uid]);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.match(container.status(set), /^0+$/, set);
  assert.equal(container.status('NoNewPrivs'), '1');
  ok(`process 1, user ${uid}, no capabilities, no new privileges`);

  for (const file of ['/app/written', '/tmp/written', '/home/node/written', '/models/written']) {
    const { code, stderr } = await container.exec(['/bin/sh', '-c', `echo > ${file}`]);
    assert.notEqual(code, 0, file);
    assert.match(stderr, /Read-only file system/, file);
  }
  ok('cannot write in /app, /tmp, its home or the models');

  const rows = golden.rows.map((features, i) => ({ features, request_id: `row-${i}` }));
  const scored = await container.script(`
    const headers = { 'Content-Type': 'application/json' };
    const post = (body) => ({ method: 'POST', headers, body: JSON.stringify(body) });
    const score = (path, body) => fetch('http://127.0.0.1:8000' + path, post(body));
    const rows = ${JSON.stringify(rows)};
    const one = await score('/score', rows[0]);
    const all = await score('/score_batch', rows);
    const statuses = [one.status, all.status];
    process.stdout.write(JSON.stringify({ statuses, one: await one.json(), all: await all.json() }));
  `);
  assert.equal(scored.code, 0, scored.stderr);
  const { statuses, one, all } = JSON.parse(scored.stdout);
  assert.deepEqual(statuses, [200, 200]);
  assert.equal(one.request_id, 'row-0');
  assert.equal(all.length, golden.calibrated.length);
  assert.deepEqual(
    all.map(({ request_id }) => request_id),
    rows.map(({ request_id }) => request_id),
  );
  assert.equal(one.confidence_score, all[0].confidence_score);
  const worst = Math.max(
    ...all.map(({ confidence_score }, i) => relativeError(confidence_score, golden.calibrated[i])),
  );
  assert.ok(worst <= 1e-12, `worst relative error ${worst}`);
  ok(`${all.length} rows scored as LightGBM and scikit-learn do: worst relative error ${worst}`);

  const health = await container.health();
  assert.equal(health.code, 0, health.stderr);
  ok('health check: 0 while ready');

  process.stdout.write(
    `resident memory: now ${(parseInt(container.status('VmRSS')) / 1024).toFixed(0)} MiB, at most ` +
      `${(parseInt(container.status('VmHWM')) / 1024).toFixed(0)} MiB; ${container.status('Threads')} threads\n`,
  );
  return container;
}

/**
 * SIGTERM while half of a request has arrived: `/readyz` turns 503, the other half is still read and answered, process
 * 1 ends with 0.
 */
async function draining(container) {
  const client = container.spawn(['node', '--input-type=module', '-']);
  client.stdin.end(`
    import { connect } from 'node:net';
    const body = ${JSON.stringify(JSON.stringify({ features: golden.rows[0], request_id: 'last' }))};
    const socket = connect(8000, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text) => (answer += text));
    const type = 'Content-Type: application/json\\r\\nContent-Length: ' + Buffer.byteLength(body);
    socket.write('POST /score HTTP/1.1\\r\\nHost: localhost\\r\\n' + type + '\\r\\n\\r\\n' + body.slice(0, 20));
    await fetch('http://127.0.0.1:8000/livez');
    process.stdout.write('half\\n');
    while ((await fetch('http://127.0.0.1:8000/readyz')).status !== 503);
    socket.write(body.slice(20));
    await new Promise((resolve) => socket.once('close', resolve));
    process.stdout.write(answer.split('\\r\\n', 1)[0] + '\\n' + answer.slice(answer.indexOf('\\r\\n\\r\\n') + 4));
  `);
  let heard = '';
  let signalled;
  client.stdout.setEncoding('utf8').on('data', (text) => {
    if (heard === '') {
      container.signal(image.stopSignal);
      signalled = performance.now();
    }
    heard += text;
  });
  await once(client, 'close');
  const [half, status, body] = heard.split('\n');
  assert.deepEqual([half, status], ['half', 'HTTP/1.1 200 OK']);
  assert.equal(JSON.parse(body).request_id, 'last');
  assert.deepEqual(await container.exited, { code: 0, signal: null }, container.stderr);
  assert.equal(container.log.find(({ event }) => event === 'stopped')?.all_answered, true);
  ok(
    `${image.stopSignal} to process 1: /readyz turns 503, the request under way is answered, exit c` +
      `ode 0 after ${Math.round(performance.now() - signalled)} ms`,
  );
}

async function overTls() {
  const container = new Container(image, {
    volumes: { '/models': models, '/tls': tls },
    env: { TLS_CERT_FILE: '/tls/cert.pem', TLS_KEY_FILE: '/tls/key.pem', PORT: '8443' },
  });
  await container.logged('model_loaded');
  const health = await container.health();
  assert.equal(health.code, 0, health.stderr);
  ok('health check over TLS and on another port: 0');
  await container.kill();
}

/** No store at start: live, unready, and served from as soon as it is there. */
async function fromS3() {
  const port = '9000';
  const credentials = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };
  const container = new Container(image, {
    env: { ...credentials, MODEL_S3_BUCKET: 'models', AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` },
  });
  await container.logged('store_unreachable');
  const [live, unready] = [await container.health(), await container.exec([...image.healthcheck, '/readyz'])];
  assert.equal(unready.code, 1);
  assert.match(unready.stderr, /^healthcheck: \/readyz: status 503\n$/);
  assert.equal(live.code, 0, live.stderr);
  ok('store not reachable: live, not ready; health check 0');
  const s3 = container.beside(
    ['node', join(dirname(fileURLToPath(import.meta.url)), 's3.mjs'), port, 'models', models],
    credentials,
  );
  const { version } = await container.logged('model_loaded');
  assert.equal(version, 'v1.1.0');
  assert.equal((await container.health()).code, 0);
  s3.stdin.end();
  ok(`serves ${version}, the highest version, from S3 once it answers`);
  container.signal('SIGINT');
  assert.equal((await container.exited).code, 0, container.stderr);
  ok('SIGINT: exit code 0');
}

async function wrongSetting() {
  const container = new Container(image, { env: { WORKERS: 'many' } });
  assert.equal((await container.exited).code, 1);
  assert.match(container.stderr, /^lightscore: WORKERS/);
  ok(`a wrong setting: exit code 1, "${container.stderr.trim()}"`);
}

await contents();
await draining(await serving());
await overTls();
await fromS3();
await wrongSetting();
const app = join(image.root, image.workdir);
process.stdout.write(
  `size: ${mebibytes(app)} MiB on top of ${mebibytes(baseTree)} MiB of Debian, Node and npm ` +
    `(node_modules ${mebibytes(join(app, 'node_modules'))}, of which uWebSockets.js ` +
    `${mebibytes(join(app, 'node_modules/uWebSockets.js'))}; dist ${mebibytes(join(app, 'dist'))})\n`,
);
