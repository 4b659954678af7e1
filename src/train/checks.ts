import { FEATURES, type Feature, SPLITS, type Split } from './features.js';
import { column } from './table.js';
import type { SourceTable } from './read-table.js';

/** Something about the data that speaks against training on it. */
export interface Violation {
  /** One line, naming file and column. */
  readonly text: string;
  /**
   * `--force` trains all the same. What cannot be waived would make training or evaluation meaningless or impossible.
   */
  readonly waivable: boolean;
}

/** What the fraud model's training data must satisfy. */
export const DEMANDS = {
  trainingRows: 10_000,
  /** Of each feature in each split. */
  missingShare: 0.05,
  /** Share of the rarer class in each split. */
  rarerClassShare: 0.001,
  /** Rows of the rarer class in the training split: with fewer, neither the booster nor its metrics can be trusted. */
  rarerClassRows: 100,
} as const;

/**
 * Everything that is wrong with the three splits, all at once.
 * @param labelName the column with the label, 1 for fraud and 0 for legitimate
 * @returns nothing where the data can be trained on
 */
export function checkData(tables: Readonly<Record<Split, SourceTable>>, labelName: string): Violation[] {
  return SPLITS.flatMap((split) => {
    const table = tables[split];
    if (table.rows === 0) return [broken(table, 'there are no rows')];
    return [
      ...checkColumns(table, labelName),
      ...(split === 'train' && table.rows < DEMANDS.trainingRows
        ? [doubtful(table, `${table.rows} rows, at least ${DEMANDS.trainingRows} are demanded`)]
        : []),
      ...checkLabel(table, split, labelName),
      ...FEATURES.flatMap((feature) => checkFeature(table, feature)),
    ];
  });
}

/** One line for each violation, which says whether `--force` waives it. */
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
  if (wrong >= 0) {
    const count = labels.filter((label) => label !== 0 && label !== 1).length;
    return [
      broken(
        table,
        `column ${labelName}: ${count} of ${table.rows} labels are neither 0 nor 1 (row ${wrong + 1}: ${shown(labels[wrong])})`,
      ),
    ];
  }
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const rarer = Math.min(positives, table.rows - positives);
  if (rarer === 0)
    return [broken(table, `column ${labelName}: every label is ${positives === 0 ? 0 : 1}, both classes are needed`)];
  return [
    ...(rarer / table.rows < DEMANDS.rarerClassShare
      ? [
          doubtful(
            table,
            `column ${labelName}: the rarer class is ${percent(rarer / table.rows)} of the rows, at least ${percent(DEMANDS.rarerClassShare)} is demanded`,
          ),
        ]
      : []),
    ...(split === 'train' && rarer < DEMANDS.rarerClassRows
      ? [
          doubtful(
            table,
            `column ${labelName}: ${rarer} rows of the rarer class, at least ${DEMANDS.rarerClassRows} are demanded`,
          ),
        ]
      : []),
  ];
}

function checkFeature(table: SourceTable, feature: Feature): Violation[] {
  const values = column(table, feature.name);
  if (values === undefined) return [];
  const violations: Violation[] = [];
  const missing = values.filter(Number.isNaN).length;
  if (missing / table.rows >= DEMANDS.missingShare) {
    violations.push(
      doubtful(
        table,
        `column ${feature.name}: ${percent(missing / table.rows)} missing, under ${percent(DEMANDS.missingShare)} is demanded`,
      ),
    );
  }
  const count = (isWrong: (value: number) => boolean, what: string): void => {
    const wrong = values.filter((value) => !Number.isNaN(value) && isWrong(value));
    if (wrong.length === 0) return;
    const row = values.indexOf(wrong[0]) + 1;
    violations.push(
      doubtful(
        table,
        `column ${feature.name}: ${wrong.length} of ${table.rows} values ${what} (row ${row}: ${shown(wrong[0])})`,
      ),
    );
  };
  count(
    (value) => value < feature.minimum || value > feature.maximum,
    `outside ${feature.minimum} to ${feature.maximum}`,
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
