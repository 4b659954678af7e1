/** Generates synthetic data sets, whose best possible AUC is known. */
import { LightscoreError } from '../errors.js';
import { drawApplication, drawMarket, riskOf } from './application.js';
import { aucRoc, averagePrecision, rank } from './evaluation.js';
import { FEATURES, FEATURE_NAMES, LABEL_NAME, SPLITS, type Split } from './features.js';
import { Random, sigmoid } from './random.js';
import type { Table } from './table.js';

/** The file beside the tables that describes them: a DataSetSummary, as JSON. */
export const DATA_SET_FILE = 'data_set.json';

export interface DataSetOptions {
  /** Rows of the three splits together, 1,000 to 2,000,000. */
  readonly rows: number;
  /** Share of fraud, above 0 and below 1; exact up to rounding, in the whole and in each split. */
  readonly fraudRate: number;
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
}

export interface SplitSummary {
  readonly rows: number;
  readonly frauds: number;
  /** The AUC-ROC and AUC-PR of the true probabilities on the labels of this split. */
  readonly best_auc_roc: number;
  readonly best_auc_pr: number;
}

/** The contents of `data_set.json`: how to generate the data set again, and what a good model can reach on it. */
export interface DataSetSummary {
  readonly generator: 'lightscore synthetic auto-loan applications 1';
  readonly rows: number;
  readonly frauds: number;
  readonly fraud_rate: number;
  readonly seed: number;
  readonly label: string;
  /** The expected AUC-ROC of the true probabilities, over all rows. No model has more in the long run. */
  readonly bayes_auc_roc: number;
  readonly splits: Readonly<Record<Split, SplitSummary>>;
  readonly features: readonly {
    readonly name: string;
    readonly kind: string;
    readonly meaning: string;
    readonly missing: number;
  }[];
}

export interface DataSet {
  /** 15 feature columns, in the model's order, then the label. */
  readonly tables: Readonly<Record<Split, Table>>;
  readonly summary: DataSetSummary;
}

/** Share of the rows that go to validation, and of those that go to test; the rest is for training. */
const HELD_OUT = 0.15;
const ROWS = { min: 1_000, max: 2_000_000 };

/**
 * Generates a data set of auto-loan applications, whose distribution `application.ts` describes. The same options give
 * the same bits on any machine.
 *
 * Noise (standard logistic) is added to the log odds of fraud of each application, and those with the highest sums are
 * the frauds: exactly as many as asked for, and each label is 1 with a known probability, so the AUC of the best
 * possible model is known too.
 *
 * @throws LightscoreError USAGE for options out of range, or so few frauds that a split would have none
 */
export function generateDataSet(options: DataSetOptions): DataSet {
  const { rows, fraudRate, seed } = options;
  const frauds = checkOptions(options);
  const random = new Random(seed);
  const market = drawMarket(random, Math.max(40, Math.min(2_000, Math.round(rows / 100))));
  const features = FEATURE_NAMES.map(() => new Float64Array(rows));
  const risk = new Float64Array(rows);
  const noisyRisk = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const application = drawApplication(random, market);
    for (const [index, name] of FEATURE_NAMES.entries()) features[index][row] = application[name];
    risk[row] = riskOf(application);
    noisyRisk[row] = risk[row] + random.logistic();
  }

  const cutoff = noisyRisk.toSorted()[rows - frauds];
  const label = Float64Array.from(noisyRisk, (value) => (value >= cutoff ? 1 : 0));
  const probability = risk.map((value) => sigmoid(value - cutoff));

  const columns = [...features, label];
  const indices = splitRows(random, label);
  const tables = bySplit((split) => ({
    names: [...FEATURE_NAMES, LABEL_NAME],
    columns: columns.map((column) => Float64Array.from(indices[split], (row) => column[row])),
    rows: indices[split].length,
  }));
  return {
    tables,
    summary: {
      generator: 'lightscore synthetic auto-loan applications 1',
      rows,
      frauds,
      fraud_rate: fraudRate,
      seed,
      label: LABEL_NAME,
      bayes_auc_roc: rounded(expectedAuc(probability)),
      splits: bySplit((split) => summarise(indices[split], label, probability)),
      features: FEATURES.map(({ name, kind, meaning }, index) => ({
        name,
        kind,
        meaning,
        missing: rounded(features[index].filter(Number.isNaN).length / rows),
      })),
    },
  };
}

/** @returns the number of frauds */
function checkOptions({ rows, fraudRate, seed }: DataSetOptions): number {
  if (!Number.isInteger(rows) || rows < ROWS.min || rows > ROWS.max)
    throw new LightscoreError('USAGE', `--rows must be a whole number from ${ROWS.min} to ${ROWS.max}, not ${rows}`);
  if (!(fraudRate > 0 && fraudRate < 1))
    throw new LightscoreError('USAGE', `--fraud-rate must be between 0 and 1, not ${fraudRate}`);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new LightscoreError('USAGE', `--seed must be a whole number from 0 to 2^53 - 1, not ${seed}`);
  const frauds = Math.round(rows * fraudRate);
  for (const [count, what] of [
    [frauds, 'fraudulent'],
    [rows - frauds, 'legitimate'],
  ] as const) {
    if (Math.round(count * HELD_OUT) < 1) {
      throw new LightscoreError(
        'USAGE',
        `${rows} rows at a fraud rate of ${fraudRate} have only ${count} ${what} applications: ` +
          'too few for one in each of train, validation and test',
      );
    }
  }
  return frauds;
}

/** The rows of each split in ascending order: 70, 15 and 15% of each class, drawn at random. */
function splitRows(random: Random, label: Float64Array): Record<Split, Uint32Array> {
  const part = new Uint8Array(label.length);
  for (const wanted of [0, 1]) {
    const rows = Uint32Array.from(label.keys()).filter((row) => label[row] === wanted);
    random.shuffle(rows);
    const held = Math.round(rows.length * HELD_OUT);
    for (const row of rows.subarray(0, held)) part[row] = SPLITS.indexOf('validation');
    for (const row of rows.subarray(held, 2 * held)) part[row] = SPLITS.indexOf('test');
  }
  return bySplit((split) => Uint32Array.from(part.keys()).filter((row) => part[row] === SPLITS.indexOf(split)));
}

function summarise(rows: Uint32Array, label: Float64Array, probability: Float64Array): SplitSummary {
  const ranking = rank(
    Array.from(rows, (row) => label[row]),
    Array.from(rows, (row) => probability[row]),
  );
  return {
    rows: rows.length,
    frauds: ranking.positives,
    best_auc_roc: rounded(aucRoc(ranking)),
    best_auc_pr: rounded(averagePrecision(ranking)),
  };
}

/**
 * The probability that, of two rows drawn in proportion to p and 1 - p, the first has the higher p, ties counting half.
 * It is the expected AUC-ROC of the ranking by p, which no other ranking exceeds (Neyman and Pearson).
 */
function expectedAuc(probability: Float64Array): number {
  const sorted = probability.toSorted();
  let won = 0;
  let negativesBelow = 0;
  let positives = 0;
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    const positive = sorted[start] * (end - start);
    const negative = end - start - positive;
    won += positive * (negativesBelow + negative / 2);
    positives += positive;
    negativesBelow += negative;
    start = end;
  }
  return won / (positives * negativesBelow);
}

function bySplit<T>(make: (split: Split) => T): Record<Split, T> {
  return { train: make('train'), validation: make('validation'), test: make('test') };
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
