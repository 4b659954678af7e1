/** `npm run bench`: measures, prints, and writes the report. `--help` says what there is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { projectRoot } from '../test/support/project.js';
import { resolveCommit, workingTree } from './guard/checkout.js';
import { COST, type Options, readOptions } from './options.js';
import { writeMarkdown } from './report/markdown.js';
import { writePage } from './report/page.js';
import type { Section } from './report/section.js';
import { costSection } from './sections/cost.js';
import { EFFORT } from './sections/run.js';
import { type Measure, SECTIONS } from './sections/sections.js';

/** Load average past which something else is running. */
const BUSY = 0.5;

const fail = (message: string): never => {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
};

function options(): Options {
  try {
    return readOptions(process.argv.slice(2), Object.keys(SECTIONS));
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exit(0);
    return fail(error.message.replace(/^error: /, ''));
  }
}

const { names, against, step, quick, json, out } = options();
const commit = against === undefined ? undefined : resolveCommit(projectRoot, against);
if (against !== undefined && commit === undefined) fail(`${against} is not a commit of this repository`);
const sectionOf: Readonly<Record<string, Measure>> =
  commit === undefined
    ? SECTIONS
    : { ...SECTIONS, [COST]: (effort, progress) => costSection({ commit, step }, effort, progress) };

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const [load] = loadavg();
if (load > BUSY)
  progress(
    `bench: other programs keep this machine busy (load average ${load.toFixed(1)}): ` +
      'ratios will be rough, absolute figures meaningless',
  );
const sections: Section[] = [];
for (const name of names) {
  const started = performance.now();
  sections.push(await sectionOf[name](quick ? EFFORT.quick : EFFORT.full, progress));
  progress(`${name}: ${Math.round((performance.now() - started) / 1000)} s`);
}

const run = {
  when: new Date().toISOString(),
  command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
  commit: workingTree(projectRoot).name,
  machine:
    `${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}, ` +
    `load average ${load.toFixed(1)} at the start`,
  quick,
  sections,
};
const markdown = writeMarkdown(run);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'report.md'), markdown);
writeFileSync(join(out, 'report.html'), writePage(run));
if (json !== undefined) writeFileSync(json, `${JSON.stringify(run, undefined, 2)}\n`);
process.stdout.write(markdown);
progress(`report: ${join(out, 'report.html')}`);
