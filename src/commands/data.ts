/** `lightscore data`: makes a synthetic training data set. */
import { Command } from 'commander';
import { LightscoreError } from '../errors.js';
import { type DataFolder, openDataFolder } from '../train/data-folder.js';
import { DATA_SET_FILE, type DataSet, generateDataSet } from '../train/data-set.js';
import { FEATURES, LABEL_NAME, SPLITS } from '../train/features.js';
import { decimal, whole } from '../train/figures.js';
import { writeParquet } from '../train/parquet.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';

const HELP = `
The data set is synthetic: the 15 features of the fraud model and the label ${LABEL_NAME} (1 fraud, 0 legitimate),
with the dependencies, missing values and noise of such data. Use it to try out training and for tests; a model for
real use needs real applications.

Written to --out:
  train.parquet, validation.parquet, test.parquet   70, 15 and 15% of the rows, each with the given fraud rate
  ${DATA_SET_FILE}   the features and their meaning, the seed, and the best AUC that any model can reach

The same rows, rate and seed give the same bytes, on any machine.

Examples:
  $ lightscore data --out training_data/v1.2.0
  $ lightscore data --rows 200000 --fraud-rate 0.01 --seed 7 --out s3://fraud-models/training_data/v1.3.0
  $ lightscore train --data training_data/v1.2.0 --version v1.2.0 --out models
`;

interface Options extends JsonFlag {
  readonly rows: number;
  readonly fraudRate: number;
  readonly seed: number;
  readonly out: string;
  readonly force: boolean;
}

/** Results go to standard output, progress to standard error. The command's action rejects with LightscoreError. */
export function dataCommand(): Command {
  const command = new Command('data')
    .summary('make a synthetic training data set')
    .description('make a synthetic data set of auto-loan applications to train on, as parquet')
    .option('--rows <n>', 'applications in the three files together, 1,000 to 2,000,000', numberOf('--rows'), 50_000)
    .option('--fraud-rate <share>', 'share of frauds, between 0 and 1', numberOf('--fraud-rate'), 0.032)
    .option('--seed <n>', 'seed of the random numbers, an integer', numberOf('--seed'), 42)
    .requiredOption('--out <folder>', 'folder or s3://bucket/prefix to write to; created if it does not exist')
    .option('--force', 'replace data in that folder that this command did not make', false)
    .addHelpText('after', HELP);
  return withJson(command).action((options: Options) =>
    printOutcome(options, async () => {
      const { rows, fraudRate, seed, out, force } = options;
      const folder = openDataFolder(out);
      await refuseForeignData(folder, force);
      const dataSet = generateDataSet({ rows, fraudRate, seed });
      const sizes = await writeDataSet(folder, dataSet);
      return { result: { out, ...dataSet.summary }, text: describe(dataSet, out, sizes) };
    }),
  );
}

function numberOf(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value))
      throw new LightscoreError('USAGE', `${option} must be a number, not "${text}"`);
    return value;
  };
}

/** Refuses to overwrite data without a `data_set.json` of this command: they may be somebody's real applications. */
async function refuseForeignData(folder: DataFolder, force: boolean): Promise<void> {
  if (force || (await folder.read(DATA_SET_FILE)) !== undefined) return;
  for (const name of SPLITS.flatMap((split) => [`${split}.parquet`, `${split}.csv`])) {
    if ((await folder.read(name)) === undefined) continue;
    const found = `${folder.location} holds a ${name} that this command did not make`;
    throw new LightscoreError('USAGE', `${found}: choose another --out, or replace it with --force`);
  }
}

/** Writes the description last: if it exists, the data are complete. @returns the size of each file in bytes */
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
    `The best that any model can reach: AUC-ROC ${decimal(summary.bayes_auc_roc)} on average; ` +
      `on these test rows AUC-ROC ${decimal(test.best_auc_roc)}, AUC-PR ${decimal(test.best_auc_pr)}`,
    '',
  ].join('\n');
}
