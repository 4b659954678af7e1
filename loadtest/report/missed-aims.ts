/** The aims that committed runs of the benchmark missed, in all of them or in some. */
import type { BenchmarkRun } from './markdown.js';
import { type Target, isMet, median, short, span } from './section.js';

/** An aim, and what each run measured for it. */
interface Aim {
  readonly what: string;
  readonly section: string;
  readonly targets: readonly Target[];
}

function aimsOf(runs: readonly BenchmarkRun[]): Aim[] {
  const sections = runs.flatMap((run) => run.sections);
  const names = new Set(sections.flatMap(({ id, targets }) => targets.map(({ what }) => `${id}\n${what}`)));
  return [...names].map((name): Aim => {
    const [section, what] = name.split('\n');
    const targets = sections
      .filter(({ id }) => id === section)
      .flatMap((measured) => measured.targets)
      .filter((target) => target.what === what);
    return { what, section, targets };
  });
}

/** As Markdown: a row for each aim that a run missed, those that every run missed first. */
export function missedAims(runs: readonly BenchmarkRun[]): string {
  const missedIn = ({ targets }: Aim): number => targets.filter((target) => !isMet(target)).length;
  const missed = aimsOf(runs)
    .filter((aim) => missedIn(aim) > 0)
    .toSorted((a, b) => missedIn(b) / b.targets.length - missedIn(a) / a.targets.length);
  const rows = missed.map((aim) => {
    const { what, section, targets } = aim;
    const [{ bound, goal }] = targets;
    const values = targets.map(({ value }) => value);
    const where = `${missedIn(aim)} of ${targets.length}`;
    const cells = [what, `${bound} ${short(goal)}`, short(median(values)), span(values), where, `\`${section}\``];
    return `| ${cells.join(' | ')} |\n`;
  });
  const title = '| aim | goal | median | range | missed in runs | section |\n| --- | --- | ---: | --- | --- | --- |\n';
  return title + rows.join('');
}
