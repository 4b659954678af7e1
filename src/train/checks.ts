/** Checks that the data can be trained on. */
import { FEATURES, type Feature, SPLITS, type Split } from './features.js';
import { column } from './table.js';
import type { SourceTable } from './read-table.js';

/** A requirement that the data does not meet. */
export interface Violation {
  /** One line, naming file and column. */
  readonly text: string;
  /**
   * Whether `--force` trains nevertheless. A violation that cannot be waived would make training or evaluation
   * meaningless or impossible.
   */
  readonly waivable: boolean;
}

/** The requirements on the fraud model's training data. */
const REQUIRED = {
  minTrainingRows: 10_000,
  /** The share of missing values of each feature in each split must be below this. */
  missingShare: 0.05,
  /** Share of the rarer class in each split. */
  minRarerClassShare: 0.001,
  /** Rows of the rarer class in the training split: with fewer, neither the booster nor its metrics can be trusted. */
  minRarerClassRows: 100,
} as const;

/**
 * All violations of the three splits at once.
 * @param labelName the column with the label, 1 for fraud and 0 for legitimate
 * @returns an empty list where the data can be trained on
 */
export function checkData(tables: Readonly<Record<Split, SourceTable>>, labelName: string): Violation[] {
  return SPLITS.flatMap((split) => {
    const table = tables[split];
    if (table.rows === 0) return [broken(table, 'there are no rows')];
    return [
      ...checkColumns(table, labelName),
      ...(split === 'train' && table.rows < REQUIRED.minTrainingRows
        ? [doubtful(table, `${table.rows} rows, at least ${REQUIRED.minTrainingRows} are required`)]
        : []),
      ...checkLabel(table, split, labelName),
      ...FEATURES.flatMap((feature) => checkFeature(table, feature)),
    ];
  });
}

/** One line for each violation; it says so where `--force` waives it. */
export function describeViolations(violations: readonly Violation[]): string[] {
  return violations.map(({ text, waivable }) => (waivable ? `${text} (--force waives this)` : text));
}

function checkColumns(table: SourceTable, labelName: string): Violation[] {
  const expected = [...FEATURES.map(({ name }) => name), labelName];
  const missing = expected.filter((name) => !table.names.includes(name));
  const unknown = table.names.filter((name) => !expected.includes(name));
  return [
    ...missing.map((name) =>
      broken(table, name === labelName ? `no column ${name} with the label` : `no column ${name}`),
    ),
    ...unknown.map((name) => broken(table, `unknown column ${name}`)),
  ];
}

function checkLabel(table: SourceTable, split: Split, labelName: string): Violation[] {
  const labels = column(table, labelName);
  if (labels === undefined) return [];
  const wrong = labels.findIndex((label) => label !== 0 && label !== 1);
  const where = `column ${labelName}`;
  if (wrong >= 0) {
    const count = labels.filter((label) => label !== 0 && label !== 1).length;
    const example = `row ${wrong + 1}: ${shown(labels[wrong])}`;
    return [broken(table, `${where}: ${count} of ${table.rows} labels are neither 0 nor 1 (${example})`)];
  }
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const rarer = Math.min(positives, table.rows - positives);
  if (rarer === 0)
    return [broken(table, `${where}: every label is ${positives === 0 ? 0 : 1}, both classes are needed`)];
  const violations: Violation[] = [];
  if (rarer / table.rows < REQUIRED.minRarerClassShare) {
    const required = `at least ${percent(REQUIRED.minRarerClassShare)} is required`;
    violations.push(
      doubtful(table, `${where}: the rarer class is ${percent(rarer / table.rows)} of the rows, ${required}`),
    );
  }
  if (split === 'train' && rarer < REQUIRED.minRarerClassRows) {
    const required = `at least ${REQUIRED.minRarerClassRows} are required`;
    violations.push(doubtful(table, `${where}: ${rarer} rows of the rarer class, ${required}`));
  }
  return violations;
}

function checkFeature(table: SourceTable, feature: Feature): Violation[] {
  const values = column(table, feature.name);
  if (values === undefined) return [];
  const violations: Violation[] = [];
  const missing = values.filter(Number.isNaN).length;
  if (missing / table.rows >= REQUIRED.missingShare) {
    const required = `less than ${percent(REQUIRED.missingShare)} is required`;
    violations.push(doubtful(table, `column ${feature.name}: ${percent(missing / table.rows)} missing, ${required}`));
  }
  const count = (isWrong: (value: number) => boolean, what: string): void => {
    const wrong = values.filter((value) => !Number.isNaN(value) && isWrong(value));
    if (wrong.length === 0) return;
    const row = values.indexOf(wrong[0]) + 1;
    const example = `row ${row}: ${shown(wrong[0])}`;
    violations.push(
      doubtful(table, `column ${feature.name}: ${wrong.length} of ${table.rows} values ${what} (${example})`),
    );
  };
  count(
    (value) => value < feature.minimum || value > feature.maximum,
    `are outside ${feature.minimum} to ${feature.maximum}`,
  );
  if (feature.kind !== 'real')
    count((value) => Number.isFinite(value) && !Number.isInteger(value), 'are not whole numbers');
  return violations;
}

function broken(table: SourceTable, text: string): Violation {
  return { text: `${table.file}: ${text}`, waivable: false };
}

function doubtful(table: SourceTable, text: string): Violation {
  return { text: `${table.file}: ${text}`, waivable: true };
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

function shown(value: number): string {
  return Number.isNaN(value) ? 'missing' : String(value);
}
