/** `npm run bench`: measures, prints, and writes the report. `--help` lists the options. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { projectRoot } from '../test/support/project.js';
import { writeMarkdown } from './report/markdown.js';
import { writePage } from './report/page.js';
import type { Section } from './report/section.js';
import { EFFORT } from './sections/run.js';
import { SECTIONS } from './sections/sections.js';

interface Options {
  readonly only?: string;
  readonly quick: boolean;
  readonly json?: string;
  readonly out: string;
}

/** Load average past which something else is running. */
const BUSY = 0.5;

const { only, quick, json, out } = new Command('bench')
  .description(
    'Benchmarks of Lightscore. Ratios come from one run, so they hold on a busy machine better than the figures do.',
  )
  .addOption(new Option('--only <sections>', `comma-separated: ${Object.keys(SECTIONS).join(', ')}`))
  .option('--quick', 'fewer sizes and shorter rounds: a first impression in a minute or two', false)
  .option('--json <file>', 'write every figure as JSON too')
  .option('--out <folder>', 'where the report goes', join(projectRoot, 'bench-report'))
  .showHelpAfterError()
  .parse()
  .opts<Options>();

const names = only?.split(',') ?? Object.keys(SECTIONS);
const unknown = names.filter((name) => !Object.hasOwn(SECTIONS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `bench: there is no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}\n`,
  );
  process.exit(2);
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const [load] = loadavg();
if (load > BUSY)
  progress(
    `bench: other programs keep this machine busy (load average ${load.toFixed(1)}): ` +
      'ratios will be rough, absolute figures worthless',
  );
const sections: Section[] = [];
for (const name of names) {
  const started = performance.now();
  sections.push(await SECTIONS[name](quick ? EFFORT.quick : EFFORT.full, progress));
  progress(`${name}: ${Math.round((performance.now() - started) / 1000)} s`);
}

const run = {
  when: new Date().toISOString(),
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
