/**
 * Every test of the server that does not run on both transports by itself, on Node's own server: `npm test` runs them
 * on uWebSockets.js. With Node 24, because several acceptors share a port from Node 22.12 on.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { projectRoot } from '../support/project.js';
import { testWith } from '../support/needs.js';
import { REGISTRY, nodeFromNpm } from '../support/npm.js';

const NODE = 24;
const SERVER = /^(http-|acceptors|serve-|hostile-http|admin|experiment|swap)/;
/** They are about uWebSockets.js, or name the transport of each of their servers. */
const OF_ONE_TRANSPORT = ['serve-without-uws.test.js'];
const TESTS = join(projectRoot, 'dist/test');

const files = readdirSync(TESTS).filter(
  (file) =>
    file.endsWith('.test.js') &&
    SERVER.test(file) &&
    !OF_ONE_TRANSPORT.includes(file) &&
    !readFileSync(join(TESTS, file), 'utf8').includes('support/transports.js'),
);

for (const file of files) {
  testWith([REGISTRY], `${file} on Node ${NODE}, TRANSPORT=node`, async () => {
    const args = ['--test', '--test-timeout=240000', '--test-reporter=spec', join(TESTS, file)];
    const child = spawn(nodeFromNpm(NODE), args, {
      cwd: projectRoot,
      // node:test would take a run within a run for a part of itself.
      env: { ...process.env, TRANSPORT: 'node', NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.equal(child.exitCode, 0, output.slice(output.indexOf('failing tests')));
    assert.match(output, /pass [1-9]/);
  });
}
