/** What calibration did to the score that is served, in words, for report, model card and the messages of `train`. */
import { decimal, whole } from './figures.js';
import { type SplitEvaluation, type TrainingRun, splitOf } from './run.js';

/**
 * An isotonic calibrator that is fitted on fewer frauds than this follows single rows. A test measures it: where the
 * score needs no calibration, log loss on unseen rows rises by more than a tenth with a tenth of these frauds, and by
 * less than a twentieth with all of them.
 */
export const MIN_CALIBRATION_FRAUDS = 1000;

/** The measures of how good a probability is; lower is better. */
const MEASURES = [
  { key: 'log_loss', name: 'log loss' },
  { key: 'calibration_error', name: 'calibration error' },
] as const;

export interface Verdict {
  /** A measure is worse on the test split after calibration. */
  readonly worse: boolean;
  /** One sentence, with every figure before and after. */
  readonly sentence: string;
}

/** Judges the calibration of a run by its test split. */
export function calibrationVerdict(run: TrainingRun): Verdict {
  const test = splitOf(run, 'test');
  const changes = MEASURES.map(({ key, name }) => ({ name, before: test.before[key], after: test.after[key] }));
  const raised = changes.filter(({ before, after }) => after > before);
  const lowered = changes.filter(({ before, after }) => after < before);
  const figures = changes.map(
    ({ name, before, after }) => `${name} ${decimal(before)} before, ${decimal(after)} after`,
  );
  return {
    worse: raised.length > 0,
    sentence: `${judgement(raised, lowered)} on the test split: ${figures.join('; ')}.`,
  };
}

function judgement(raised: readonly { name: string }[], lowered: readonly { name: string }[]): string {
  const names = (changes: readonly { name: string }[]): string => changes.map(({ name }) => name).join(' and ');
  if (raised.length === 0)
    return lowered.length > 0 ? 'Calibration made the score better' : 'Calibration changed nothing';
  if (lowered.length === 0) return 'Calibration made the score worse';
  return `Calibration made the ${names(lowered)} better and the ${names(raised)} worse`;
}

/** What calibration took from the ranking, as equal scores cannot be ranked; undefined where it took nothing. */
export function rankingLoss({ before, after }: SplitEvaluation): string | undefined {
  const [was, is] = [decimal(before.auc_pr), decimal(after.auc_pr)];
  if (Number(is) >= Number(was)) return undefined;
  return `Isotonic steps make unequal scores equal, which costs AUC-PR: ${was} before, ${is} after.`;
}

/** Says that the calibrator was fitted on few frauds; undefined where it was not. */
export function fewFraudsNote({ calibration }: TrainingRun): string | undefined {
  if (calibration.frauds >= MIN_CALIBRATION_FRAUDS) return undefined;
  return (
    `The calibrator was fitted on ${whole(calibration.frauds)} frauds, fewer than ${whole(MIN_CALIBRATION_FRAUDS)}: ` +
    'its steps follow single rows. A larger validation split gives it more.'
  );
}

/** The warnings of a run, for whoever runs `train`. */
export function calibrationWarnings(run: TrainingRun): string[] {
  const { worse, sentence } = calibrationVerdict(run);
  const few = fewFraudsNote(run);
  return [...(worse ? [sentence] : []), ...(few === undefined ? [] : [few])];
}
