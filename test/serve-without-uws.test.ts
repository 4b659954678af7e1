/** Where no binary of uWebSockets.js loads, `serve` says so in one line, and all else of the command line works. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BINARIES, describeFailure } from '../src/http/uws.js';
import { runCli } from './support/cli-process.js';
import { projectRoot } from './support/project.js';
import { failingServer } from './support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'lightscore-uws-'));
after(() => rmSync(folder, { recursive: true }));

/** Environment of a Node whose system refuses every binary of uWebSockets.js, as an old glibc does. */
function refusingSystem(): { readonly NODE_OPTIONS: string } {
  const file = join(folder, 'refuse.cjs');
  writeFileSync(
    file,
    `const load = process.dlopen;
    process.dlopen = function (module, file, ...rest) {
      if (file.includes('uws_')) throw new Error("/lib/libc.so.6: version \`GLIBC_9.99' not found");
      return load.call(process, module, file, ...rest);
    };\n`,
  );
  return { NODE_OPTIONS: `--require=${file}` };
}

for (const ACCEPTORS of ['1', '2']) {
  test(`serve ends with one line and exit code 1 (ACCEPTORS=${ACCEPTORS})`, async () => {
    const { code, signal, stderr, logs } = await failingServer({ ...refusingSystem(), ACCEPTORS });
    assert.equal(signal, null);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lightscore: uWebSockets\.js, the HTTP server, does not load on Node \d+\.\d+\.\d+ \(.*\): .*GLIBC_9\.99' not found; .*\n$/,
    );
    assert(stderr.includes(process.versions.node), stderr);
    assert.deepEqual(logs, []);
  });
}

test('help and score need no HTTP server', async () => {
  const env = refusingSystem();
  for (const args of [['--help'], ['serve', '--help']]) assert.equal((await runCli(args, { env })).code, 0);
  const model = join(projectRoot, 'test/data/models/v1.0.0');
  const input = JSON.stringify([Array.from({ length: 15 }, () => 0)]);
  const scored = await runCli(['score', '--model', model, '--rows', '-'], { env, input });
  assert.equal(scored.code, 0, scored.stderr);
});

/** As uWebSockets.js throws it: a text of its own, then the error of the system. */
function unloadable(reason: string): Error {
  return new Error(`This version of uWS.js supports only ...\n\nError: ${reason}\nRequire stack:\n- uws.js`);
}
const NO_SYMBOL = "libc.so.6: version `GLIBC_2.38' not found";
const NO_BINARY = "Cannot find module './uws_linux_x64_147.node'";
const LINUX = { node: 'v24.1.0', platform: 'linux', arch: 'x64', glibc: '2.36' } as const;
const START = 'uWebSockets.js, the HTTP server, does not load on Node';

for (const [error, machine, line] of [
  [
    unloadable(NO_SYMBOL),
    LINUX,
    `${START} 24.1.0 (linux x64, glibc 2.36): ${NO_SYMBOL}; ` +
      'what works here is Node 20; elsewhere Node 22, 24 and 25 with glibc 2.38 (Debian 13, Ubuntu 24.04)',
  ],
  [
    unloadable(NO_BINARY),
    { ...LINUX, node: 'v26.1.0', glibc: '2.41' },
    `${START} 26.1.0 (linux x64, glibc 2.41): ${NO_BINARY}; what works here is Node 20, 22, 24 and 25`,
  ],
  [
    unloadable(NO_BINARY),
    { ...LINUX, glibc: '2.4' },
    `${START} 24.1.0 (linux x64, glibc 2.4): ${NO_BINARY}; it needs glibc 2.27 or later`,
  ],
  [
    unloadable(NO_BINARY),
    { ...LINUX, glibc: undefined },
    `${START} 24.1.0 (linux x64, without glibc): ${NO_BINARY}; it needs glibc, which Alpine does not have; ` +
      'what works is Node 20, 22, 24 and 25 on Debian 13, Ubuntu 24.04',
  ],
  [
    new Error('something else'),
    { ...LINUX, platform: 'darwin', glibc: undefined },
    `${START} 24.1.0 (darwin x64): something else; it runs on Node 20, 22, 24 and 25, on x64 and arm64`,
  ],
  [
    new Error("Cannot find module 'uWebSockets.js'\nRequire stack:\n- uws.js"),
    LINUX,
    'the package uWebSockets.js, the HTTP server, is not installed',
  ],
] as const) {
  test(`the line: ${line}`, () => {
    assert.equal(describeFailure(error, machine), line);
  });
}

test('what the line says of binaries and glibc is true of the package', () => {
  for (const { abi, glibc, node } of BINARIES) {
    for (const arch of ['x64', 'arm64']) {
      const file = join(projectRoot, `node_modules/uWebSockets.js/uws_linux_${arch}_${abi}.node`);
      const versions = [...readFileSync(file, 'latin1').matchAll(/\0GLIBC_2\.(\d+)(?=\0)/g)].map(([, minor]) =>
        Number(minor),
      );
      assert.equal(`2.${Math.max(...versions)}`, glibc, `Node ${node}, ${arch}`);
    }
  }
});
