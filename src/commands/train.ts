/** `lightscore train`: trains a model and writes its artifact. */
import { readFile } from 'node:fs/promises';

import { Command, InvalidArgumentError, Option } from 'commander';

import { LightscoreError } from '../errors.js';
import { openLightGBM } from '../native/lightgbm.js';
import { checkPackages } from '../native/prerequisites.js';
import { REPORT_PACKAGES } from '../train/charts.js';
import { openDataFolder } from '../train/data-folder.js';
import { DATA_SET_FILE } from '../train/data-set.js';
import { LABEL_NAME } from '../train/features.js';
import { GATE_LIMITS, type GateLimits } from '../train/gate.js';
import { trainArtifact } from '../train/pipeline.js';
import { headline } from '../train/run.js';
import { progressReport } from '../train/progress.js';
import { readBaseline } from '../train/baseline.js';
import type { Imbalance } from '../train/roles.js';
import { parseS3Address } from '../store/s3-address.js';
import { isVersionName } from '../store/version-name.js';
import { systemReason } from '../system-error.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';

interface TrainFlags extends JsonFlag {
  readonly data: string;
  readonly version: string;
  readonly out: string;
  readonly params?: string;
  readonly cv: number;
  readonly imbalance: Imbalance;
  readonly label: string;
  readonly threads: number;
  readonly force: boolean;
  readonly against?: string;
  readonly maxAucDrop: number;
  readonly maxAucPrDrop: number;
  readonly maxCalibrationErrorRise: number;
}

/** The program must enable positional options; otherwise its own `--version` option would hide this command's. */
export function trainCommand(): Command {
  const command = new Command('train')
    .summary('train a model and write its artifact')
    .description('train LightGBM and write an artifact that `lightscore serve` can serve')
    .requiredOption('--data <folder>', 'folder or s3:// address with train, validation and test, each .parquet or .csv')
    .requiredOption('--version <version>', 'name of the new version, such as v1.2.0', parseVersion)
    .option('--out <folder>', 'folder of the versions', 'models')
    .option('--params <file>', "JSON file of LightGBM parameters that override the fraud model's")
    .option(
      '--cv <folds>',
      'first cross-validate with this many folds, and report the mean and spread of the AUC',
      parseFolds,
      0,
    )
    .addOption(
      new Option('--imbalance <how>', 'treatment of the rare class')
        .choices(['none', 'weight', 'undersample'])
        .default('none'),
    )
    .option('--label <column>', 'column with the label: 1 fraud, 0 legitimate', LABEL_NAME)
    .option('--threads <count>', "LightGBM's threads; the number may affect the model's last bits", parseCount, 1)
    .option(
      '--force',
      'train even if checks of the data that can be waived fail, and replace an existing version',
      false,
    )
    .option(
      '--against <folder>',
      'refuse the new model if it is worse than this one, such as models/v1.1.0, on the same test split',
    )
    .option('--max-auc-drop <value>', 'limit of --against for AUC-ROC', parseLimit, GATE_LIMITS.aucRocDrop)
    .option('--max-auc-pr-drop <value>', 'limit of --against for AUC-PR', parseLimit, GATE_LIMITS.aucPrDrop)
    .option(
      '--max-calibration-error-rise <value>',
      'limit of --against for the calibration error',
      parseLimit,
      GATE_LIMITS.calibrationErrorRise,
    )
    .addHelpText(
      'after',
      `
Stages: read, check, split, train (early stopping on the AUC of half of the validation split), calibrate (isotonic, on
the other half), evaluate, self-check, write. The version is written completely or not at all. The first run builds
LightGBM (about two minutes; needs cmake, make and a C++ compiler).

The same data, parameters and threads give the same bytes if SOURCE_DATE_EPOCH fixes the training date.

Examples:
  $ lightscore data --rows 50000 --seed 42 --out training_data/v1.0.0
  $ lightscore train --data training_data/v1.0.0 --version v1.2.0
  $ lightscore train --data s3://bucket/training_data/v1.0.0 --version v1.3.0 --cv 5 --against models/v1.2.0
`,
    );
  return withJson(command).action((flags: TrainFlags) => printOutcome(flags, () => runTrain(flags)));
}

async function runTrain(flags: TrainFlags): Promise<Outcome> {
  if (parseS3Address(flags.out) !== undefined) {
    throw new LightscoreError(
      'USAGE',
      `--out ${flags.out}: must be a folder; upload the trained version with \`lightscore publish\``,
    );
  }
  checkPackages('train', REPORT_PACKAGES);
  const progress = progressReport(process.stderr);
  const { location, read } = openDataFolder(flags.data);
  const parameters = flags.params === undefined ? {} : await readParameters(flags.params);
  const baseline = flags.against === undefined ? undefined : await readBaseline(flags.against);
  const lightgbm = await openLightGBM((line) => progress.line(line));
  lightgbm.onLog((line) => progress.line(line));
  const { folder, run } = await untilSignal(
    async (signal) =>
      await trainArtifact(lightgbm, {
        data: { read, location, synthetic: (await read(DATA_SET_FILE)) !== undefined },
        labelName: flags.label,
        version: flags.version,
        out: flags.out,
        parameters,
        threads: flags.threads,
        folds: flags.cv,
        imbalance: flags.imbalance,
        force: flags.force,
        gate: baseline && { baseline, limits: limitsOf(flags) },
        now: trainingDate(process.env['SOURCE_DATE_EPOCH']),
        progress,
        signal,
      }),
  );
  const splits = run.splits.map((split) => [
    split.split,
    { rows: split.labels.length, frauds: split.frauds, ...headline(split) },
  ]);
  const { version, threshold, booster } = run;
  const splitResults: object = Object.fromEntries(splits);
  return {
    result: { folder, version, trees: booster.rounds, threshold, splits: splitResults },
    text: `${folder}\n`,
  };
}

/** Runs `work`; SIGINT and SIGTERM abort it, so that it can remove what it has partially written. */
async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function readParameters(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new LightscoreError('USAGE', `--params ${file}: cannot be read: ${systemReason(cause)}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LightscoreError('USAGE', `--params ${file}: is not JSON`, { cause });
  }
}

/** @param epoch SOURCE_DATE_EPOCH in seconds, the convention for reproducible builds (reproducible-builds.org) */
function trainingDate(epoch: string | undefined): Date {
  if (epoch === undefined || epoch === '') return new Date();
  const date = new Date(/^\d{1,12}$/.test(epoch) ? Number(epoch) * 1000 : NaN);
  if (Number.isNaN(date.getTime()))
    throw new LightscoreError(
      'CONFIG_INVALID',
      `SOURCE_DATE_EPOCH: must be whole seconds since 1970, not ${JSON.stringify(epoch)}`,
    );
  return date;
}

function limitsOf({ maxAucDrop, maxAucPrDrop, maxCalibrationErrorRise }: TrainFlags): GateLimits {
  return { aucRocDrop: maxAucDrop, aucPrDrop: maxAucPrDrop, calibrationErrorRise: maxCalibrationErrorRise };
}

function parseVersion(text: string): string {
  if (!isVersionName(text))
    throw new InvalidArgumentError(
      'It must be letters, digits and ._+- after a first letter or digit, such as v1.2.0.',
    );
  return text;
}

function parseFolds(text: string): number {
  return parseInteger(text, { min: 2, max: 100 });
}

function parseCount(text: string): number {
  return parseInteger(text, { min: 1, max: 1024 });
}

function parseInteger(text: string, { min, max }: { readonly min: number; readonly max: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  return value;
}

function parseLimit(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('It must be a number, such as 0.002.');
  return value;
}
