/** Keys and certificates that come from files are read again on SIGHUP; what is wrong with them keeps the old ones. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type TLSSocket, connect } from 'node:tls';
import { checkTls } from '../src/config/check-tls.js';
import { readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const plain = { features: readGolden().rows[0] };
const folder = mkdtempSync(join(tmpdir(), 'lightscore-access-'));
after(() => rmSync(folder, { recursive: true }));

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
})();

onBothTransports('API_KEYS_FILE', (transport) => {
  const keys = join(folder, `keys-${transport}`);
  const adminKeys = join(folder, `admin-${transport}`);
  let server: ServerProcess;
  before(async () => {
    writeFileSync(keys, '# the callers\nfirst:the-first-key-of-all\n');
    writeFileSync(adminKeys, 'ops:the-admin-key-of-all');
    server = await startServer({ TRANSPORT: transport, API_KEYS_FILE: keys, ADMIN_API_KEYS_FILE: adminKeys });
  });
  after(() => server.terminate());

  const statusWith = async (key: string) => (await server.score(plain, '/score', { 'X-API-Key': key })).status;
  const reload = async (event: string) => {
    const seen = server.logs.filter((line) => line.event === event).length;
    server.signal('SIGHUP');
    await server.log(
      (line) => line.event === event && server.logs.filter((each) => each.event === event).length > seen,
    );
  };

  test('opens the server to keys that are added, and closes it to those that are taken away', async () => {
    assert.equal(await statusWith('the-first-key-of-all'), 200);
    writeFileSync(keys, 'second:the-second-key-of-all\n');
    await reload('keys_reloaded');
    assert.deepEqual([await statusWith('the-first-key-of-all'), await statusWith('the-second-key-of-all')], [401, 200]);
    const admin = await server.request('/admin/models', { headers: { 'X-API-Key': 'the-admin-key-of-all' } });
    assert.equal(admin.status, 200);
  });

  test('that has become wrong keeps the old keys, says so in one line, and the model is reloaded', async () => {
    for (const text of ['no key at all\n', '', 'a:one-key-for-two-names\nb:one-key-for-two-names\n']) {
      writeFileSync(keys, text);
      const reloads = () => server.logs.filter(({ event }) => event === 'reloaded').length;
      const earlier = reloads();
      await reload('keys_not_reloaded');
      await server.log((line) => line.event === 'reloaded' && reloads() > earlier);
      assert.equal(await statusWith('the-second-key-of-all'), 200);
    }
    const line = server.logs.findLast(({ event }) => event === 'keys_not_reloaded');
    assert.match(String(line?.msg), /^the old keys hold: API_KEYS_FILE/);
  });
});

// Where CI=true nothing is skipped: without openssl the first certificate fails.
const skip = hasOpenssl || process.env['CI'] === 'true' ? false : 'openssl not found: apt-get install openssl';

describe('certificates', { skip }, () => {
  before(() => {
    const subject = (name: string) => ['-subj', `/CN=${name}`];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      ...subject('test ca'),
    );
    for (const name of ['one', 'two', 'client']) {
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        ...subject(name),
      );
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        `${name}.pem`,
      );
    }
  });

  const file = (name: string) => join(folder, name);
  const use = (name: string) => {
    copyFileSync(file(`${name}.pem`), file('server.pem'));
    copyFileSync(file(`${name}.key`), file('server.key'));
  };
  const open = (port: number, options: object = {}): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => resolve(socket));
      socket.once('error', reject);
    });
  const commonName = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

  /** Sends a request over a connection. @returns its status line; empty where the connection ends without one */
  const ask = (socket: TLSSocket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (bytes: Buffer) => resolve(bytes.toString().split('\r\n')[0]));
      socket.once('close', () => resolve(''));
      socket.once('error', () => resolve(''));
      socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    });

  const settings = { TLS_CERT_FILE: file('server.pem'), TLS_KEY_FILE: file('server.key') };

  test('on the node transport are changed by SIGHUP, and no connection is dropped', async () => {
    use('one');
    const server = await startServer({ ...settings, TRANSPORT: 'node' });
    const kept = await open(server.port);
    assert.equal(commonName(kept), 'one');
    use('two');
    server.signal('SIGHUP');
    await server.event('certificate_reloaded');
    const fresh = await open(server.port);
    assert.equal(commonName(fresh), 'two');
    assert.match(await ask(kept), / 200 /);
    // A file that is half written keeps the certificate that is served.
    writeFileSync(file('server.pem'), readFileSync(file('one.pem')).subarray(0, 200));
    server.signal('SIGHUP');
    await server.event('certificate_not_reloaded');
    assert.equal(commonName(await open(server.port)), 'two');
    for (const socket of [kept, fresh]) socket.destroy();
    await server.terminate();
  });

  test('on uWebSockets.js stay until a restart, and the log says so', async () => {
    use('one');
    const server = await startServer({ ...settings, TRANSPORT: 'uws' });
    use('two');
    server.signal('SIGHUP');
    assert.match(String((await server.event('certificate_not_reloaded')).msg), /restart/);
    assert.equal(commonName(await open(server.port)), 'one');
    await server.kill();
  });

  test('of clients: with TLS_CLIENT_CA_FILE none is answered without one', async () => {
    use('one');
    const server = await startServer(
      { ...settings, TLS_CLIENT_CA_FILE: file('ca.pem'), TRANSPORT: 'auto' },
      { until: 'listening' },
    );
    const { transport, reason } = await server.event('transport');
    assert.equal(transport, 'node');
    assert.match(String(reason), /TLS_CLIENT_CA_FILE/);
    const client = { cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) };
    assert.match(await ask(await open(server.port, client)), / 200 /);
    assert.equal(await open(server.port).then(ask, () => ''), '');
    await server.terminate();
  });

  test('of clients need the node transport', async () => {
    use('one');
    const server = startServer({ ...settings, TLS_CLIENT_CA_FILE: file('ca.pem'), TRANSPORT: 'uws' });
    await assert.rejects(server, /TRANSPORT is uws, but uWebSockets\.js cannot ask clients for a certificate/);
  });

  test('in DER are named, and expired ones warned of, in one line each', async () => {
    use('one');
    openssl('x509', '-in', 'one.pem', '-outform', 'der', '-out', 'server.pem');
    await assert.rejects(startServer({ ...settings }), /is not a PEM certificate, but one in DER/);
    const files = { certFile: file('one.pem'), keyFile: file('one.key'), clientCaFile: undefined };
    assert.deepEqual(checkTls(files), {});
    assert.match(checkTls(files, Date.now() + 1e12).warning ?? '', /one\.pem: has expired on /);
    assert.match(checkTls(files, 0).warning ?? '', /one\.pem: is not valid before /);
  });
});
