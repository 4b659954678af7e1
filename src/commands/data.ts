/** `lightscore data`: generates a synthetic training data set. */
import { Command } from 'commander';
import { LightscoreError } from '../errors.js';
import { type DataFolder, openDataFolder } from '../train/data-folder.js';
import { DATA_SET_FILE, type DataSet, generateDataSet } from '../train/data-set.js';
import { FEATURES, LABEL_NAME, SPLITS } from '../train/features.js';
import { decimal, whole } from '../train/figures.js';
import { writeParquet } from '../train/parquet.js';

const HELP = `
The data set is synthetic: the 15 features of the fraud model and the label ${LABEL_NAME} (1 fraud, 0 legitimate),
with the dependencies, missing values and noise of such data. It is for trying out training and for
tests; a model for real use needs real applications.

Written to --out:
  train.parquet, validation.parquet, test.parquet   70, 15 and 15% of the rows, each with the given fraud rate
  ${DATA_SET_FILE}   the features and their meaning, the seed, and the best AUC that any model can reach

The same rows, rate and seed give the same bytes on any machine.

Examples:
  $ lightscore data --out training_data/v1.2.0
  $ lightscore data --rows 200000 --fraud-rate 0.01 --seed 7 --out s3://fraud-models/training_data/v1.3.0
  $ lightscore train --data training_data/v1.2.0 --version v1.2.0 --out models
`;

interface Options {
  readonly rows: number;
  readonly fraudRate: number;
  readonly seed: number;
  readonly out: string;
  readonly force: boolean;
}

/** Its action rejects with LightscoreError; results go to standard output, progress to standard error. */
export function dataCommand(): Command {
  return new Command('data')
    .summary('generate a synthetic training data set')
    .description('generate a synthetic data set of auto-loan applications to train on, as Parquet')
    .option(
      '--rows <n>',
      'number of applications in the three files together, 1,000 to 2,000,000',
      (text) => number('--rows', text),
      50_000,
    )
    .option('--fraud-rate <share>', 'share of frauds, between 0 and 1', (text) => number('--fraud-rate', text), 0.032)
    .option('--seed <n>', 'whole number; each gives other applications', (text) => number('--seed', text), 42)
    .requiredOption('--out <folder>', 'folder or s3://bucket/prefix to write to, created if it does not exist')
    .option('--force', 'replace data in that folder that this command did not generate', false)
    .addHelpText('after', HELP)
    .action(async ({ rows, fraudRate, seed, out, force }: Options) => {
      const folder = openDataFolder(out);
      await refuseForeignData(folder, force);
      const dataSet = generateDataSet({ rows, fraudRate, seed });
      const sizes = await writeDataSet(folder, dataSet);
      process.stdout.write(describe(dataSet, out, sizes));
    });
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new LightscoreError('USAGE', `${option} must be a number, not "${text}"`);
  return value;
}

/** Refuses to overwrite data without our own `data_set.json` beside them: they may be real applications. */
async function refuseForeignData(folder: DataFolder, force: boolean): Promise<void> {
  if (force || (await folder.read(DATA_SET_FILE)) !== undefined) return;
  for (const name of SPLITS.flatMap((split) => [`${split}.parquet`, `${split}.csv`])) {
    if ((await folder.read(name)) === undefined) continue;
    throw new LightscoreError(
      'USAGE',
      `${folder.location} contains a ${name} that this command did not generate: ` +
        'choose another --out, or replace it with --force',
    );
  }
}

/**
 * Writes the description last: where it exists, the data are complete.
 * @returns the size of each Parquet file in bytes
 */
async function writeDataSet(folder: DataFolder, { tables, summary }: DataSet): Promise<number[]> {
  const wholeNumbers = new Set([...FEATURES.filter(({ kind }) => kind !== 'real').map(({ name }) => name), LABEL_NAME]);
  const sizes: number[] = [];
  for (const split of SPLITS) {
    const bytes = writeParquet(tables[split], wholeNumbers);
    await folder.write(`${split}.parquet`, bytes);
    process.stderr.write(`wrote ${split}.parquet\n`);
    sizes.push(bytes.length);
  }
  await folder.write(DATA_SET_FILE, Buffer.from(`${JSON.stringify(summary, null, 2)}\n`));
  return sizes;
}

function describe({ summary }: DataSet, out: string, sizes: readonly number[]): string {
  const files = SPLITS.map((split, index) => {
    const { rows, frauds } = summary.splits[split];
    const kilobytes = whole(Math.ceil(sizes[index] / 1000)).padStart(7);
    const counts = `${whole(rows).padStart(9)} rows ${whole(frauds).padStart(8)} frauds`;
    return `  ${`${split}.parquet`.padEnd(20)} ${counts} ${kilobytes} kB`;
  });
  const { test } = summary.splits;
  return [
    `${whole(summary.rows)} applications, ${whole(summary.frauds)} of them frauds, in ${out} (seed ${summary.seed})`,
    ...files,
    `Best any model can reach: AUC-ROC ${decimal(summary.bayes_auc_roc)} in the long run; ` +
      `on these test rows AUC-ROC ${decimal(test.best_auc_roc)}, AUC-PR ${decimal(test.best_auc_pr)}`,
    '',
  ].join('\n');
}
