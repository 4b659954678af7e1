/** `npm run chaos`: a full disk, a reader of the log that stops or goes, a trail that is moved. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { program, testWith } from '../support/needs.js';
import { projectRoot } from '../support/project.js';

const run = promisify(execFile);
const PRLIMIT = program(['prlimit'], 'apt-get install util-linux');
const STATES = 7;

testWith(
  [PRLIMIT],
  'every state of a bad day ends in time, and what was not written is counted to the line',
  async () => {
    const { stdout } = await run(process.execPath, [join(projectRoot, 'dist/loadtest/chaos.js'), '--seconds', '1']);
    const [heading, ...states] = stdout.trim().split('\n');
    assert.match(heading, /^state +answers +logged +lost +audit entries +in gaps +ends in ms$/);
    assert.equal(states.length, STATES, stdout);
    assert.doesNotMatch(stdout, /FAULT/);
    const [, , full, , stopped, gone] = states;
    // Those lose what nobody can take: it is all counted, else the command would have failed.
    for (const line of [full, stopped, gone]) assert.doesNotMatch(line, / 0 +\d+ +\d+ +\d+$/, stdout);
  },
);
