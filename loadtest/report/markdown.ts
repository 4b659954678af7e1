/** The report as Markdown: what was found, every table, and the targets. */
import { type Section, type Table, isMet, short } from './section.js';

export interface BenchmarkRun {
  /** ISO 8601. */
  readonly when: string;
  readonly machine: string;
  readonly quick: boolean;
  readonly sections: readonly Section[];
}

export function writeMarkdown(run: BenchmarkRun): string {
  const { when, machine, quick, sections } = run;
  const parts = [`# Lightscore benchmarks\n\n${summary(run)}\n\n${when}, ${machine}${quick ? ', quick run' : ''}\n`];
  const targets = sections.flatMap((section) => section.targets);
  if (targets.length > 0) parts.push(`## Targets\n\n${table(targetTable(sections))}`);
  for (const { title, found, about, tables } of sections) {
    parts.push(`## ${title}\n\n${found === undefined ? '' : `**${found}**\n\n`}${about}\n`);
    for (const each of tables) parts.push(`### ${each.title}\n\n${table(each)}`);
  }
  return parts.join('\n');
}

/** How many missed targets are named above their table. */
const MAX_NAMED = 3;

/** What the run as a whole found: how many targets it met, and which it missed by how much. */
export function summary({ quick, sections }: Pick<BenchmarkRun, 'quick' | 'sections'>): string {
  const targets = sections.flatMap((section) => section.targets);
  const missed = targets.filter((target) => !isMet(target));
  const caution = quick ? ' Of a quick run: a first impression, not figures to quote.' : '';
  const measured = sections.length === 1 ? 'One section' : `${sections.length} sections`;
  if (targets.length === 0) return `${measured} measured, for which there are no targets.${caution}`;
  const met = `${targets.length - missed.length} of ${targets.length} targets met`;
  if (missed.length === 0) return `${met}.${caution}`;
  const named = missed
    .slice(0, MAX_NAMED)
    .map(({ what, value, bound, goal }) => `${what}: ${short(value)} (goal: ${bound} ${short(goal)})`);
  const others = missed.length > named.length ? `; and ${missed.length - named.length} others` : '';
  return `${met}; missed: ${named.join('; ')}${others}.${caution}`;
}

export function targetTable(sections: readonly Section[]): Table {
  return {
    title: 'Targets',
    columns: ['what', 'measured', 'goal', ''],
    rows: sections.flatMap(({ targets }) =>
      targets.map((target) => [
        target.what,
        short(target.value),
        `${target.bound} ${short(target.goal)}`,
        isMet(target) ? 'met' : 'missed',
      ]),
    ),
  };
}

function table({ columns, rows }: Table): string {
  return `${line(columns)}${line(columns.map((_, i) => (i === 0 ? '---' : '---:')))}${rows.map(line).join('')}`;
}

const line = (cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |\n`;
