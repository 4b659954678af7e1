/** Where no binary of uWebSockets.js loads, `serve` takes Node's own server, and all else works. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCli } from './support/cli-process.js';
import { projectRoot } from './support/project.js';
import { failingServer, startServer } from './support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'lightscore-uws-'));
after(() => rmSync(folder, { recursive: true }));

const OLD_LIBRARY = "/lib/libc.so.6: version `GLIBC_9.99' not found";

/** Environment of a Node whose system refuses every binary of uWebSockets.js, as an old glibc does. */
function refusingSystem(message = OLD_LIBRARY): { readonly NODE_OPTIONS: string } {
  const file = join(mkdtempSync(join(folder, 'system-')), 'refuse.cjs');
  writeFileSync(
    file,
    `const load = process.dlopen;
    process.dlopen = function (module, file, ...rest) {
      if (file.includes('uws_')) throw new Error(${JSON.stringify(message)});
      return load.call(process, module, file, ...rest);
    };\n`,
  );
  return { NODE_OPTIONS: `--require=${file}` };
}

test('serve takes the other transport, and the first line of its log says so', async (t) => {
  const server = await startServer({ ...refusingSystem(), TRANSPORT: 'auto' });
  t.after(() => server.stop());
  const { transport, reason } = await server.event('transport');
  assert.equal(transport, 'node');
  assert.match(String(reason), /^uWebSockets\.js has no binary for Node \d+\.\d+\.\d+ on \w+ \w+ with glibc \S+$/);
  assert.equal((await server.score({ features: Array.from({ length: 15 }, () => 0) })).status, 200);
  await server.terminate();
});

test('serve with TRANSPORT=uws ends with one line and exit code 2', async () => {
  const { code, signal, stderr, logs } = await failingServer({ ...refusingSystem(), TRANSPORT: 'uws' });
  assert.equal(signal, null);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^lightscore: TRANSPORT is uws, but uWebSockets\.js has no binary for Node .*; set TRANSPORT=.*\n$/,
  );
  assert.deepEqual(logs, []);
});

test('a damaged binary is named as that, not as a platform without one', async () => {
  const { code, stderr } = await failingServer({ ...refusingSystem('uws.node: file too short'), TRANSPORT: 'uws' });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /uWebSockets\.js has a binary that cannot be loaded \(uws\.node: file too short\); set TRANSPORT/,
  );
});

test('help and score need no HTTP server', async () => {
  const env = refusingSystem();
  for (const args of [['--help'], ['serve', '--help']]) assert.equal((await runCli(args, { env })).code, 0);
  const model = join(projectRoot, 'test/data/models/v1.0.0');
  const input = JSON.stringify([Array.from({ length: 15 }, () => 0)]);
  const scored = await runCli(['score', '--model', model, '--rows', '-'], { env, input });
  assert.equal(scored.code, 0, scored.stderr);
});
