/** Other people's HTTP clients, directly and through nginx, on both transports: every answer is right. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { readGolden } from '../support/golden.js';
import { type Need, program, testWith } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { ReverseProxy, nginxProgram } from '../support/reverse-proxy.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { TRANSPORTS, type TransportName } from '../support/transports.js';

const CLIENTS = join(projectRoot, 'test/real/clients');
const PYTHON = process.env['LIGHTSCORE_BENCH_PYTHON'] ?? 'python3';
const CLIENT_MS = 120_000;
const BATCH_ROWS = 10_000;
const { rows, calibrated } = readGolden();

/** Where a client is pointed to. */
interface Target {
  readonly url: string;
  readonly transport: TransportName;
  /** nginx stands between. */
  readonly proxied: boolean;
  /** Holds one.json and batch.json, the bodies. */
  readonly folder: string;
}

/** The whole of its standard output; fails where it ends with another code than 0, or does not end. */
function run(command: string, args: readonly string[], cwd = CLIENTS): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: CLIENT_MS });
    const output: Buffer[] = [];
    let complaints = '';
    child.stdout.on('data', (piece: Buffer) => output.push(piece));
    child.stderr.on('data', (piece: Buffer) => (complaints = `${complaints}${piece.toString()}`.slice(-4000)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${command} ended with ${signal ?? code}: ${complaints}`));
    });
  });
}

/** Holds lines of case, status and body to what LightGBM and scikit-learn answer. */
function holdAnswers(output: string, atLeast: number): void {
  const lines = output.trimEnd().split('\n');
  assert(lines.length >= atLeast, `${lines.length} answers`);
  for (const line of lines) {
    const [name, status, body] = line.split('\t');
    assert.equal(status, '200', line.slice(0, 500));
    const parsed: unknown = JSON.parse(body);
    const scored = Array.isArray(parsed) ? parsed : [parsed];
    assert.equal(scored.length, name === 'batch' ? BATCH_ROWS : 1);
    for (const [i, { confidence_score: score }] of (scored as { confidence_score: number }[]).entries())
      assert(Math.abs(score - calibrated[i % rows.length]) <= 1e-12, `row ${i}: ${score}`);
  }
}

interface Client {
  readonly name: string;
  readonly needs: readonly Need[];
  /** What it does not do with a target, for a documented reason. */
  readonly leavesOut?: (target: Target) => boolean;
  readonly check: (target: Target) => Promise<void>;
}

const python = (library: string): Client => ({
  name: `Python's ${library}`,
  needs: [
    () =>
      spawnSync(PYTHON, ['-c', `import ${library}`]).status === 0
        ? undefined
        : `Python's ${library}: pip install --requirement test/real/clients/requirements.txt`,
  ],
  check: async ({ url, folder }) => holdAnswers(await run(PYTHON, ['client.py', library, url, folder]), 23),
});

const curl: Client = {
  name: 'curl',
  needs: [program(['curl'], 'apt-get install curl')],
  check: async ({ url, folder, transport, proxied }) => {
    const json = 'Content-Type: application/json';
    const send = async (name: string, ...options: string[]): Promise<void> => {
      const path = name === 'one' ? '/score' : '/score_batch';
      const body = `@${join(folder, `${name}.json`)}`;
      const args = ['-sS', '--max-time', '30', '-w', '\t%{http_code}', '-H', json, '--data-binary', body, ...options];
      const output = await run('curl', [...args, url + path]);
      const end = output.lastIndexOf('\t');
      holdAnswers(`${name}\t${output.slice(end + 1)}\t${output.slice(0, end)}`, 1);
    };
    await send('one');
    // With Expect: 100-continue, by itself.
    await send('batch');
    await send('one', '-H', 'Expect: 100-Continue');
    await send('batch', '-H', 'Transfer-Encoding: chunked');
    await send('batch', '--compressed');
    if (transport === 'node' || proxied) await send('one', '--http1.0');
  },
};

/** Bytes of every class of answers but 200 differ, and ab takes a length that changes for a failure: `-l`. */
const ab: Client = {
  name: 'ab, which speaks HTTP/1.0',
  needs: [program(['ab'], 'apt-get install apache2-utils')],
  leavesOut: ({ transport, proxied }) => transport === 'uws' && !proxied,
  check: async ({ url, folder }) => {
    const body = ['-p', join(folder, 'one.json'), '-T', 'application/json'];
    for (const keep of [[], ['-k']]) {
      const output = await run('ab', ['-q', '-l', '-n', '500', '-c', '8', ...keep, ...body, `${url}/score`]);
      assert.match(output, /Complete requests: +500\n/);
      assert.match(output, /Failed requests: +0\n/);
      assert.doesNotMatch(output, /Non-2xx/);
    }
  },
};

const clients: readonly Client[] = [
  curl,
  python('requests'),
  python('httpx'),
  python('aiohttp'),
  {
    name: "Go's net/http",
    needs: [program(['go'], 'https://go.dev/dl')],
    check: async ({ url, folder, transport, proxied }) => {
      // uWebSockets.js does not take trailers; nginx drops them.
      const trailers = transport === 'node' || proxied ? ['trailers'] : [];
      holdAnswers(await run('go', ['run', 'client.go', url, folder, ...trailers]), 45);
    },
  },
  {
    name: "Java's HttpClient, with expectContinue",
    needs: [program(['java'], 'apt-get install default-jdk-headless')],
    check: async ({ url, folder }) => holdAnswers(await run('java', ['Client.java', url, folder]), 26),
  },
  {
    name: "Node's fetch",
    needs: [],
    check: async ({ url, folder }) => holdAnswers(await run(process.execPath, ['client.mjs', url, folder]), 44),
  },
  ab,
  {
    name: 'hey',
    needs: [program(['hey'], 'go install github.com/rakyll/hey@v0.1.5')],
    check: async ({ url, folder }) => {
      const body = ['-m', 'POST', '-T', 'application/json', '-D', join(folder, 'one.json')];
      for (const keep of [[], ['-disable-keepalive']]) {
        const output = await run('hey', ['-n', '504', '-c', '8', ...keep, ...body, `${url}/score`]);
        assert.match(output, /\[200\]\s+504 responses/);
        assert.doesNotMatch(output, /Error distribution/);
      }
    },
  },
  {
    name: 'k6',
    needs: [program(['k6'], 'https://k6.io')],
    check: async ({ url, folder }) => {
      await run('k6', ['run', '--quiet', '-e', `TARGET=${url}`, '-e', `BODY=${join(folder, 'one.json')}`, 'k6.js']);
    },
  },
];

const NGINX: Need = () => (existsSync(nginxProgram()) ? undefined : 'nginx not found: apt-get install nginx-light');

for (const transport of TRANSPORTS) {
  describe(`real clients, TRANSPORT=${transport}`, () => {
    let folder: string;
    let server: ServerProcess;
    let proxy: ReverseProxy | undefined;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'lightscore-clients-'));
      const batch = Array.from({ length: BATCH_ROWS }, (_, i) => ({
        features: rows[i % rows.length],
        request_id: `row-${i}-${'x'.repeat(180)}`,
      }));
      writeFileSync(join(folder, 'one.json'), JSON.stringify({ features: rows[0] }));
      writeFileSync(join(folder, 'batch.json'), JSON.stringify(batch));
      server = await startServer({ TRANSPORT: transport, PREDICTION_LOG_SAMPLE: '0' });
      if (NGINX() === undefined) proxy = await ReverseProxy.start('nginx', [server.port]);
    });
    after(async () => {
      await proxy?.stop();
      await server.stop();
      rmSync(folder, { recursive: true });
    });

    for (const proxied of [false, true]) {
      const target = (): Target => ({
        url: proxied ? (proxy?.url ?? '') : server.url,
        transport,
        proxied,
        folder,
      });
      const way = proxied ? 'through nginx' : 'directly';
      for (const { name, needs, leavesOut, check } of clients) {
        if (leavesOut?.({ url: '', transport, proxied, folder: '' }) === true) continue;
        testWith([...needs, ...(proxied ? [NGINX] : [])], `${name}, ${way}`, () => check(target()));
      }
    }
  });
}
