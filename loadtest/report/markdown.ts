/** Writes the report as Markdown: every table, and the targets. */
import { type Section, type Table, isMet, short } from './section.js';

export interface BenchmarkRun {
  /** ISO 8601. */
  readonly when: string;
  readonly machine: string;
  readonly quick: boolean;
  readonly sections: readonly Section[];
}

export function writeMarkdown({ when, machine, quick, sections }: BenchmarkRun): string {
  const parts = [`# Lightscore benchmarks\n\n${when}, ${machine}${quick ? ', quick run' : ''}\n`];
  const targets = sections.flatMap((section) => section.targets);
  if (targets.length > 0) parts.push(`## Targets\n\n${table(targetTable(sections))}`);
  for (const { title, about, tables } of sections) {
    parts.push(`## ${title}\n\n${about}\n`);
    for (const each of tables) parts.push(`### ${each.title}\n\n${table(each)}`);
  }
  return parts.join('\n');
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
