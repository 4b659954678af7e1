/**
 * Every command of the documentation is run: each page in a shell of its own, block by block, README.md and
 * CONTRIBUTING.md in an empty clone, the others in one that is set up as README.md says. What a page shows as output is
 * what the command printed, but for times, process ids and the like (support/docs/outputs.ts). Blocks that are not run
 * are listed in support/docs/excused.ts.
 */
import { rm } from 'node:fs/promises';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyClone, preparedClone, readerEnvironment } from '../support/docs/clone.js';
import { excuseFor } from '../support/docs/excused.js';
import { type Page, blocksOf, readPages, stepsOf } from '../support/docs/pages.js';
import { Session } from '../support/docs/session.js';
import { type Need, program, testWith } from '../support/needs.js';
import { REGISTRY } from '../support/npm.js';

/** Pages that begin with the set-up. */
const FROM_NOTHING = ['README.md', 'CONTRIBUTING.md'];

const PYTHON: Need = () =>
  process.env['LIGHTSCORE_BENCH_PYTHON'] === undefined
    ? 'LIGHTSCORE_BENCH_PYTHON must name a Python with the packages of loadtest/servers/requirements.txt'
    : undefined;
const TOOLS = [
  program(['git'], 'apt-get install git'),
  program(['curl'], 'apt-get install curl'),
  program(['script'], 'apt-get install bsdutils'),
];

function needsOf(page: Page): readonly Need[] {
  const commands = blocksOf(page).map((block) => block.commands);
  return [
    ...TOOLS,
    ...(FROM_NOTHING.includes(page.path) ? [REGISTRY] : []),
    ...(commands.some((text) => text.includes('python3')) ? [PYTHON] : []),
  ];
}

async function runPage(page: Page): Promise<void> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'lightscore-docs-')));
  const folder = FROM_NOTHING.includes(page.path) ? emptyClone(home) : preparedClone(home);
  const session = await Session.start({ home, folder, environment: readerEnvironment(home) });
  try {
    for (const step of stepsOf(page)) {
      if ('file' in step) session.save(step);
      else if (excuseFor(step) === undefined) await session.run(step);
    }
    await session.end(page.path);
  } finally {
    await session.abandon();
    await rm(home, { recursive: true, force: true });
  }
}

for (const page of readPages()) {
  const count = blocksOf(page).filter((block) => excuseFor(block) === undefined).length;
  if (count > 0)
    testWith(needsOf(page), `${page.path}: its ${count} blocks of commands do what it shows`, () => runPage(page));
}
