/** Nodes of other versions, as npm has them: each serves, or says in one line why it cannot. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after } from 'node:test';
import { type Need, testWith } from '../support/needs.js';
import { REGISTRY, npm } from '../support/npm.js';
import { CLI, MODELS } from '../support/server.js';

const LINUX: Need = () => (process.platform === 'linux' ? undefined : 'npm has these Nodes by other names');

const folder = mkdtempSync(join(tmpdir(), 'lightscore-nodes-'));
after(() => rmSync(folder, { recursive: true }));

async function nodeOfVersion(major: number): Promise<string> {
  const packages = `--package=node-linux-${process.arch}@${major}`;
  return (await npm(['exec', '--yes', packages, '--', 'node', '-p', 'process.execPath'], folder)).trim();
}

for (const major of [22, 24, 26]) {
  for (const ACCEPTORS of ['1', '2']) {
    testWith([LINUX, REGISTRY], `serve on Node ${major}, ACCEPTORS=${ACCEPTORS}`, async () => {
      const server = spawn(await nodeOfVersion(major), [CLI, 'serve'], {
        env: { MODEL_DIR: MODELS, HOST: '127.0.0.1', PORT: '0', WORKERS: ACCEPTORS, ACCEPTORS, LOG_LEVEL: 'error' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      // Greets where it serves.
      server.stderr.on('data', (said: Buffer) => {
        if (said.includes('Lightscore serves')) server.kill();
      });
      const [said] = await Promise.all([text(server.stderr), once(server, 'exit')]);
      if (server.exitCode === 0) assert.match(said, /Lightscore serves/);
      else {
        assert.equal(server.exitCode, 1, said);
        const line = new RegExp(
          `^lightscore: uWebSockets\\.js, the HTTP server, does not load on Node ${major}\\..*\n$`,
        );
        assert.match(said, line);
        assert.match(said, /what works here is Node 20/);
      }
    });
  }
}
