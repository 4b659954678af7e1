/** The stages of training, from data to artifact. */
import { createHash } from 'node:crypto';

import { calibrate, type IsotonicCalibrator, writeCalibratorJson } from '../artifact/calibrator.js';
import { LightscoreError } from '../errors.js';
import { parseBooster } from '../model/parse.js';
import { rawScores } from '../model/tree-walk.js';
import type { Booster, LightGBM } from '../native/lightgbm.js';
import { type CrossValidation, crossValidate, type Progress, type TrainedBooster, trainBooster } from './booster.js';
import { checkData, describeViolations } from './checks.js';
import { chooseThreshold, type Metrics, rank } from './evaluation.js';
import { FEATURE_NAMES, SPLITS, type Split } from './features.js';
import { decimal } from './figures.js';
import {
  type BaselineModel,
  compare,
  comparisonTable,
  evaluateBaseline,
  type GateLimits,
  requirePassed,
} from './gate.js';
import { fitIsotonic } from './isotonic.js';
import { countPositives, type LabelledRows } from './labelled-rows.js';
import { metadataText } from './metadata.js';
import { renderModelCard } from './model-card.js';
import { type TrainingPlan, trainingPlan } from './parameters.js';
import type { ProgressReport } from './progress.js';
import { renderReport } from './report.js';
import { assignRoles, calibrationNote, type Imbalance, imbalanceNote, type Roles } from './roles.js';
import { evaluateSplit, type SplitEvaluation, type TrainingRun } from './run.js';
import { fromJson, selfCheck, type SelfCheck } from './self-check.js';
import { completeness } from './statistics.js';
import { calibrationWarnings } from './verdict.js';
import { checksums, refuseExisting, writeArtifact } from './write.js';
import { type ReadFile, readTable, type SourceTable } from './read-table.js';

/** From about this many rows on, more threads train faster; with fewer, they mostly wait for each other. */
const MANY_ROWS = 200_000;

export interface TrainOptions {
  readonly data: {
    readonly read: ReadFile;
    /** The folder's name in messages. */
    readonly location: string;
    /** Whether a generator made the data; the model card then says so. */
    readonly synthetic: boolean;
  };
  readonly labelName: string;
  readonly version: string;
  /** The folder of the versions. */
  readonly out: string;
  /** The parsed parameter file; an empty object for the defaults. */
  readonly parameters: unknown;
  readonly threads: number;
  /** Number of folds of cross-validation; 0 for none. */
  readonly folds: number;
  readonly imbalance: Imbalance;
  /** Whether to train even if waivable checks fail, and to replace an existing version. */
  readonly force: boolean;
  readonly gate: { readonly baseline: BaselineModel; readonly limits: GateLimits } | undefined;
  /** The `training_date`. */
  readonly now: Date;
  readonly progress: ProgressReport;
  readonly signal?: AbortSignal;
}

export interface TrainOutcome {
  /** The folder of the artifact. */
  readonly folder: string;
  readonly run: TrainingRun;
}

/**
 * Trains a model and writes its artifact, ready to be published. Each stage is one function below.
 * @throws LightscoreError DATA_INVALID, USAGE, NATIVE_FAILED, MODEL_UNSUPPORTED, GATE_REFUSED, VERSION_EXISTS,
 * OUTPUT_FAILED or INTERRUPTED; nothing is written then
 */
export async function trainArtifact(lightgbm: LightGBM, options: TrainOptions): Promise<TrainOutcome> {
  const { progress, version, signal } = options;
  const target = { repository: options.out, version, replace: options.force };
  await refuseExisting(target);
  const chosen = trainingPlan(options.parameters, lightgbm.parameterAliases(), options.threads);

  const tables = await readSplits(options);
  const waived = checkSplits(tables, options);
  const roles = assignRoles(tables, options.labelName, { seed: chosen.seed, imbalance: options.imbalance });
  const plan = weightedPlan(chosen, roles.fit, options.imbalance);
  progress.line(rolesLine(roles));
  if (roles.fit.rows >= MANY_ROWS && plan.parameters['num_threads'] === 1)
    progress.line(`training on ${roles.fit.rows} rows is faster with more --threads; it uses one`);

  const crossValidation = options.folds > 1 ? await crossValidateRows(lightgbm, roles.fit, plan, options) : undefined;
  const rows = { train: roles.fit, validation: roles.stop, featureNames: FEATURE_NAMES };
  const trained = await trainBooster(lightgbm, rows, plan, {
    onIteration: showIteration(progress, 'training'),
    ...(signal ? { signal } : {}),
  });
  const modelText = textOf(trained);
  const auc = trained.validationAuc.toFixed(4);
  progress.line(`trained ${trained.trained} iterations, kept ${trained.iterations}: validation AUC ${auc}`);
  // Everything below uses the model as any LightGBM loads it from its text.
  using booster = lightgbm.load(modelText);

  const calibrator = fitIsotonic({
    scores: booster.predict(roles.calibrate.values),
    labels: roles.calibrate.labels,
  });
  const run = evaluateRun({ lightgbm, options, plan, tables, roles, trained, booster, calibrator, crossValidation });
  for (const evaluation of run.splits) progress.line(resultLine(evaluation));
  for (const warning of calibrationWarnings(run)) progress.line(`warning: ${warning}`);
  const check = checkSelf(modelText, { lightgbm, booster, test: roles.test, seed: plan.seed });
  if (options.gate) requireNotWorse(lightgbm, options.gate, run, tables.test, options);
  if (signal?.aborted === true) throw new LightscoreError('INTERRUPTED', 'interrupted: nothing was written');

  const files = new Map<string, string>([
    ['lightgbm_model.txt', modelText],
    ['calibrator.json', writeCalibratorJson(calibrator)],
    ['model_card.md', renderModelCard(run)],
    ['report.html', await renderReport(run)],
    ['self_check.json', `${JSON.stringify(check)}\n`],
  ]);
  const metadata = metadataText({ run, roles, plan, tables, checksums: checksums(files), waived });
  return { folder: await writeArtifact(target, files, metadata), run };
}

/** @throws LightscoreError DATA_INVALID with one line for each file that cannot be read */
async function readSplits({ data, progress }: TrainOptions): Promise<Record<Split, SourceTable>> {
  const faults: string[] = [];
  const read = async (split: Split): Promise<SourceTable | undefined> => {
    try {
      return await readTable(data.read, data.location, split);
    } catch (error) {
      if (!(error instanceof LightscoreError) || error.code !== 'DATA_INVALID') throw error;
      faults.push(error.message);
      return undefined;
    }
  };
  const [train, validation, test] = [await read('train'), await read('validation'), await read('test')];
  if (!train || !validation || !test) throw new LightscoreError('DATA_INVALID', faults.join('\n'));
  progress.line(`read ${[train, validation, test].map(({ rows, file }) => `${rows} rows of ${file}`).join(', ')}`);
  return { train, validation, test };
}

/**
 * @returns the violations that `--force` waived
 * @throws LightscoreError DATA_INVALID with one line for each violation
 */
function checkSplits(tables: Record<Split, SourceTable>, { labelName, force, data, progress }: TrainOptions): string[] {
  const violations = checkData(tables, labelName);
  if (violations.length === 0) return [];
  if (violations.some(({ waivable }) => !waivable) || !force) {
    throw new LightscoreError(
      'DATA_INVALID',
      [`${data.location}: the data cannot be trained on`, ...describeViolations(violations)].join('\n  '),
    );
  }
  for (const { text } of violations) progress.line(`waived by --force: ${text}`);
  return violations.map(({ text }) => text);
}

function rolesLine({ fit, stop, calibrate: calibration, test }: Roles): string {
  const training = `training on ${fit.rows} rows (${countPositives(fit.labels)} fraud)`;
  return `${training}, stopping on ${stop.rows}, calibrating on ${calibration.rows}, testing on ${test.rows}`;
}

function weightedPlan(plan: TrainingPlan, { labels, rows }: LabelledRows, imbalance: Imbalance): TrainingPlan {
  if (imbalance !== 'weight') return plan;
  const conflicts = ['scale_pos_weight', 'is_unbalance'].filter((name) => name in plan.parameters);
  if (conflicts.length > 0)
    throw new LightscoreError('USAGE', `parameter ${conflicts[0]}: conflicts with --imbalance weight, which sets it`);
  const positives = countPositives(labels);
  return { ...plan, parameters: { ...plan.parameters, scale_pos_weight: (rows - positives) / positives } };
}

async function crossValidateRows(
  lightgbm: LightGBM,
  rows: LabelledRows,
  plan: TrainingPlan,
  { folds, progress, signal }: TrainOptions,
): Promise<CrossValidation> {
  const result = await crossValidate(lightgbm, rows, folds, plan, {
    onIteration: showIteration(progress, `cross-validation (${folds} folds)`),
    ...(signal ? { signal } : {}),
  });
  const auc = `AUC ${result.meanAuc.toFixed(4)} +- ${result.deviation.toFixed(4)}`;
  progress.line(`cross-validation (${folds} folds): ${auc} at iteration ${result.iterations}`);
  return result;
}

function showIteration(progress: ProgressReport, what: string): (state: Progress) => void {
  return ({ iteration, auc, best }) => {
    const known = `(best ${best.auc.toFixed(4)} at ${best.iteration})`;
    progress.status(`${what}: iteration ${iteration}, validation AUC ${auc.toFixed(4)} ${known}`, iteration % 50 === 0);
  };
}

function textOf({ booster, iterations }: TrainedBooster): string {
  const text = booster.saveModelToString({ iterations });
  booster.free();
  return text;
}

interface Trained {
  readonly lightgbm: LightGBM;
  readonly options: TrainOptions;
  readonly plan: TrainingPlan;
  readonly tables: Readonly<Record<Split, SourceTable>>;
  readonly roles: Roles;
  readonly trained: TrainedBooster;
  readonly booster: Booster;
  readonly calibrator: IsotonicCalibrator;
  readonly crossValidation: CrossValidation | undefined;
}

function evaluateRun({
  lightgbm,
  options,
  plan,
  tables,
  roles,
  trained,
  booster,
  calibrator,
  crossValidation,
}: Trained): TrainingRun {
  const splits = SPLITS.map((split) => {
    const { values, labels } = roles[split];
    const uncalibrated = booster.predict(values);
    return evaluateSplit(split, {
      labels,
      uncalibrated,
      calibrated: uncalibrated.map((p) => calibrate(calibrator, p)),
    });
  });
  const [gain, splitCount] = [booster.featureImportance('gain'), booster.featureImportance('split')];
  const validation = splits[SPLITS.indexOf('validation')];
  return {
    version: options.version,
    trainedAt: options.now.toISOString().replace(/\.\d+Z$/, 'Z'),
    data: {
      // Without the folder, so that the same data gives the same bytes in any folder.
      location: SPLITS.map((split) => tables[split].file).join(', '),
      fingerprint: fingerprint(tables),
      completeness: completeness(roles.train.values),
      period: undefined,
      synthetic: options.data.synthetic,
    },
    booster: {
      lightgbmVersion: lightgbm.version,
      rounds: trained.iterations,
      parameters: Object.fromEntries(
        Object.entries(plan.parameters).map(([name, value]) => [
          name,
          typeof value === 'object' ? value.join(',') : value,
        ]),
      ),
      imbalance: imbalanceNote(options.imbalance, roles),
    },
    calibration: {
      rows: roles.calibrate.rows,
      frauds: countPositives(roles.calibrate.labels),
      thresholds: calibrator.x.length,
      note: calibrationNote(options.imbalance),
    },
    splits,
    importance: FEATURE_NAMES.map((feature, index) => ({ feature, gain: gain[index], splits: splitCount[index] })),
    threshold: chooseThreshold(rank(validation.labels, validation.calibrated)),
    crossValidation: crossValidation && {
      folds: crossValidation.folds,
      meanAuc: crossValidation.meanAuc,
      spread: crossValidation.deviation,
    },
  };
}

function resultLine({ split, before, after }: SplitEvaluation): string {
  const of = ({ auc_roc, auc_pr, log_loss, calibration_error }: Metrics): string =>
    `AUC-ROC ${decimal(auc_roc)}, AUC-PR ${decimal(auc_pr)}, log loss ${decimal(log_loss)}, ` +
    `calibration error ${decimal(calibration_error)}`;
  return `${split}: as served: ${of(after)}; before calibration: ${of(before)}`;
}

/** SHA-256 over the files' own SHA-256, in the order of the splits. */
function fingerprint(tables: Readonly<Record<Split, SourceTable>>): string {
  const whole = createHash('sha256');
  for (const split of SPLITS) whole.update(createHash('sha256').update(tables[split].bytes).digest());
  return whole.digest('hex');
}

/**
 * @throws LightscoreError MODEL_UNSUPPORTED where this project's own reading of the model and LightGBM do not score the
 * rows alike, bit for bit
 */
function checkSelf(
  modelText: string,
  {
    lightgbm,
    booster,
    test,
    seed,
  }: {
    readonly lightgbm: LightGBM;
    readonly booster: Booster;
    readonly test: LabelledRows;
    readonly seed: number;
  },
): SelfCheck {
  const parsed = parseBooster(modelText);
  const check = selfCheck({ booster, parsed, data: test, lightgbmVersion: lightgbm.version, seed });
  for (const [index, row] of check.rows.entries()) {
    const [own] = rawScores(parsed, row.map(fromJson));
    if (own !== check.raw_score[index])
      throw new LightscoreError(
        'MODEL_UNSUPPORTED',
        `self-check: the raw score of row ${index} is ${own} here and ${check.raw_score[index]} in LightGBM; ` +
          'nothing was written',
      );
  }
  return check;
}

/** @throws LightscoreError GATE_REFUSED where the model is worse than the baseline */
function requireNotWorse(
  lightgbm: LightGBM,
  { baseline, limits }: NonNullable<TrainOptions['gate']>,
  run: TrainingRun,
  test: SourceTable,
  { labelName, progress }: TrainOptions,
): void {
  const candidate = run.splits[SPLITS.indexOf('test')];
  const evaluated = evaluateBaseline(lightgbm, baseline, test, labelName);
  const comparisons = compare({ candidate, baseline: evaluated }, limits);
  const versions = { candidate: run.version, baseline: baseline.version };
  for (const line of comparisonTable(comparisons, versions)) progress.line(line);
  requirePassed(comparisons, versions);
}
