/** The GitHub workflow, checked by actionlint (https://github.com/rhysd/actionlint). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/project.js';
import { findProgram, program, testWith } from '../support/needs.js';

const PACKAGE = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12';
const ACTIONLINT = program(['actionlint', 'go'], `go install ${PACKAGE}`);

testWith([ACTIONLINT], 'actionlint finds nothing wrong with the workflows', () => {
  const [command, args] = findProgram('actionlint') === undefined ? ['go', ['run', PACKAGE]] : ['actionlint', []];
  const workflows = readdirSync(join(projectRoot, '.github/workflows')).map((file) => `.github/workflows/${file}`);
  assert.notEqual(workflows.length, 0);
  const { error, status, stdout, stderr } = spawnSync(command, [...args, ...workflows], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  assert.equal(error, undefined);
  assert.equal(status, 0, `${stdout}${stderr}`);
});
