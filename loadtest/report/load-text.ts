/** The report of a load run as text for a terminal. */
import { type Figures, type LoadReport, whole } from './load-report.js';
import { isMet, short } from './section.js';

/** Lines of the table over time; intervals are left out evenly where there are more. */
const MAX_LINES = 30;
export const COLUMNS = ['seconds', 'asked/s', 'answered/s', 'p50', 'p90', 'p99', 'p99.9', 'most', 'failed'] as const;

export function writeText(report: LoadReport): string {
  const { headline, server, rowsFrom, check, stages, intervals, total, targets } = report;
  const every = Math.ceil(intervals.length / MAX_LINES);
  const shown = intervals.filter((_, i) => i % every === 0);
  const skipped = every === 1 ? '' : `, one interval of ${every}`;
  return [
    headline,
    '',
    `Server     ${server}`,
    `Rows       ${rowsFrom}`,
    `Checked    ${check}`,
    `Load       ${report.about}; ${report.connections} connections, ${report.tool}`,
    `Generator  ${report.generator}`,
    `Machine    ${report.machine}`,
    ...versionLines(report),
    '',
    `Over time (latencies in milliseconds${skipped})`,
    ...table(shown),
    '',
    ...(stages.length > 1 ? ['By stage', ...table(stages), ''] : []),
    'Whole run',
    ...table([total]),
    '',
    'Limits',
    ...targets.map((target) => {
      const { what, value, bound, goal } = target;
      return `  ${isMet(target) ? 'met   ' : 'MISSED'}  ${what}: ${short(value)} (${bound} ${short(goal)})`;
    }),
    ...(report.firstFailure === undefined ? [] : ['', `First wrong answer: ${report.firstFailure.slice(0, 500)}`]),
    '',
  ].join('\n');
}

/** Only where not one version has answered everything. */
function versionLines({ versions, unknownVersions }: LoadReport): string[] {
  const known = Object.entries(versions).map(([version, count]) => `${version}: ${whole(count)}`);
  const unknown = Object.entries(unknownVersions).map(
    ([version, count]) => `${version}: ${whole(count)}, scores not checked`,
  );
  return known.length + unknown.length > 1 || unknown.length > 0
    ? [`Answers by  ${[...known, ...unknown].join('; ')}`]
    : [];
}

function table(figures: readonly Figures[]): string[] {
  const rows = [COLUMNS, ...figures.map(row)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  return rows.map((cells) => `  ${cells.map((cell, column) => cell.padStart(widths[column])).join('  ')}`);
}

export function row({ start, seconds, asked, answered, failed, p50, p90, p99, p999, max }: Figures): readonly string[] {
  const times = [p50, p90, p99, p999, max].map(short);
  return [
    `${short(start)}-${short(start + seconds)}`,
    whole(asked / seconds),
    whole(answered / seconds),
    ...times,
    whole(failed),
  ];
}
