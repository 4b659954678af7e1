/** Metrics and curves of scores against labels, equal to scikit-learn's. Labels always come before scores. */
import { LightscoreError } from '../errors.js';

/** How well scores separate and predict labels. The first four names are those of the Python service's metadata. */
export interface Metrics {
  readonly auc_roc: number;
  readonly auc_pr: number;
  readonly precision_at_10pct_recall: number;
  readonly calibration_error: number;
  readonly log_loss: number;
  readonly brier: number;
}

/** The counts of rows at or above one threshold: a step of the ROC and precision-recall curves. */
interface Step {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
}

/** The rows sorted into steps of descending score (rows with equal scores share a step), and the totals. */
export interface Ranking {
  readonly steps: readonly Step[];
  readonly positives: number;
  readonly negatives: number;
}

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

export interface ReliabilityBin {
  /** The bin is [lower, upper), the last one [lower, 1]. */
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean score and share of positives of the bin's rows; NaN where the bin is empty. */
  readonly meanScore: number;
  readonly positiveRate: number;
}

export interface Confusion {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** The share of rows at or above the threshold. */
  readonly flagged: number;
}

/**
 * All metrics of one split.
 *
 * @param labels n labels, 0 or 1, both present
 * @param scores n probabilities, 0 to 1
 * @throws LightscoreError DATA_INVALID for anything else
 */
export function evaluate(labels: ArrayLike<number>, scores: ArrayLike<number>): Metrics {
  const ranking = rank(labels, scores);
  return {
    auc_roc: aucRoc(ranking),
    auc_pr: averagePrecision(ranking),
    precision_at_10pct_recall: precisionAtRecall(ranking, 0.1),
    calibration_error: calibrationError(reliability(labels, scores)),
    log_loss: logLoss(labels, scores),
    brier: brierScore(labels, scores),
  };
}

/**
 * Sorts the rows by descending score and counts positives and negatives at each distinct score.
 *
 * @throws LightscoreError DATA_INVALID for lengths that differ, a label other than 0 or 1, a score that is NaN, or only
 * one class
 */
export function rank(labels: ArrayLike<number>, scores: ArrayLike<number>): Ranking {
  if (labels.length !== scores.length) {
    throw new LightscoreError('DATA_INVALID', `evaluation: ${labels.length} labels but ${scores.length} scores`);
  }
  const order = new Uint32Array(labels.length);
  for (let row = 0; row < order.length; row++) {
    if (labels[row] !== 0 && labels[row] !== 1)
      throw new LightscoreError('DATA_INVALID', `evaluation: row ${row + 1} has the label ${labels[row]}, not 0 or 1`);
    if (Number.isNaN(scores[row])) throw new LightscoreError('DATA_INVALID', `evaluation: row ${row + 1} has no score`);
    order[row] = row;
  }
  order.sort((a, b) => (scores[a] > scores[b] ? -1 : scores[a] < scores[b] ? 1 : 0));
  const steps: Step[] = [];
  let truePositives = 0;
  let falsePositives = 0;
  for (let i = 0; i < order.length; i++) {
    if (labels[order[i]] === 1) truePositives++;
    else falsePositives++;
    if (i + 1 === order.length || scores[order[i + 1]] !== scores[order[i]]) {
      steps.push({ threshold: scores[order[i]], truePositives, falsePositives });
    }
  }
  if (truePositives === 0 || falsePositives === 0) {
    const counts = `${truePositives} positive, ${falsePositives} negative`;
    throw new LightscoreError('DATA_INVALID', `evaluation: the ${order.length} rows have only one class (${counts})`);
  }
  return { steps, positives: truePositives, negatives: falsePositives };
}

/**
 * The share of (positive, negative) pairs in which the positive has the higher score, ties counting half (sklearn
 * `roc_auc_score`). Exact up to 2^52 pairs.
 */
export function aucRoc({ steps, positives, negatives }: Ranking): number {
  let twiceWon = 0;
  let before: Step = { threshold: Infinity, truePositives: 0, falsePositives: 0 };
  for (const step of steps) {
    twiceWon += (step.falsePositives - before.falsePositives) * (step.truePositives + before.truePositives);
    before = step;
  }
  return twiceWon / (2 * positives * negatives);
}

/**
 * Area under the precision-recall curve as the sum of precision times recall gained at each step (sklearn
 * `average_precision_score`).
 */
export function averagePrecision({ steps, positives }: Ranking): number {
  let area = 0;
  let found = 0;
  for (const { truePositives, falsePositives } of steps) {
    area += (truePositives - found) * (truePositives / (truePositives + falsePositives));
    found = truePositives;
  }
  return area / positives;
}

/** The precision at the highest threshold that finds at least `recall` of the positives, including all ties at it. */
export function precisionAtRecall({ steps, positives }: Ranking, recall: number): number {
  const step = steps.find(({ truePositives }) => truePositives / positives >= recall) ?? steps[steps.length - 1];
  return step.truePositives / (step.truePositives + step.falsePositives);
}

/**
 * The reliability of equal-width bins of the score.
 *
 * @param scores probabilities, 0 to 1
 * @throws LightscoreError DATA_INVALID for a score outside 0 to 1
 */
export function reliability(labels: ArrayLike<number>, scores: ArrayLike<number>, bins = 10): ReliabilityBin[] {
  const counts = new Float64Array(bins);
  const scoreSums = new Float64Array(bins);
  const positives = new Float64Array(bins);
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row];
    if (!(score >= 0 && score <= 1))
      throw new LightscoreError('DATA_INVALID', `evaluation: row ${row + 1} has the score ${score}, not a probability`);
    // Compared with the bin's own edges, because score * bins may round across one.
    let bin = Math.min(bins - 1, Math.floor(score * bins));
    if (score < bin / bins) bin--;
    else if (bin < bins - 1 && score >= (bin + 1) / bins) bin++;
    counts[bin]++;
    scoreSums[bin] += score;
    positives[bin] += labels[row];
  }
  return Array.from(counts, (count, bin) => ({
    lower: bin / bins,
    upper: (bin + 1) / bins,
    count,
    meanScore: scoreSums[bin] / count,
    positiveRate: positives[bin] / count,
  }));
}

/** A range of scores with fewer rows than this is not shown by itself. */
export const MIN_BIN_ROWS = 30;

/**
 * Joins bins with their neighbours until each has at least `minRows` rows: the share of positives of a few rows says
 * nothing. The calibration error is always that of the unmerged bins.
 *
 * @param bins in ascending order, without gaps
 * @returns bins that cover the same range; a single one if there are fewer rows than `minRows`
 */
export function mergeSmallBins(bins: readonly ReliabilityBin[], minRows: number): ReliabilityBin[] {
  const merged: ReliabilityBin[] = [];
  for (const bin of bins) {
    const last = merged.at(-1);
    if (last !== undefined && last.count < minRows) merged.splice(-1, 1, joined(last, bin));
    else merged.push(bin);
  }
  const [before, last] = merged.slice(-2);
  if (merged.length > 1 && last.count < minRows) merged.splice(-2, 2, joined(before, last));
  return merged;
}

function joined(low: ReliabilityBin, high: ReliabilityBin): ReliabilityBin {
  const count = low.count + high.count;
  const mean = (read: (bin: ReliabilityBin) => number): number =>
    [low, high].reduce((sum, bin) => sum + (bin.count > 0 ? bin.count * read(bin) : 0), 0) / count;
  return {
    lower: low.lower,
    upper: high.upper,
    count,
    meanScore: mean((bin) => bin.meanScore),
    positiveRate: mean((bin) => bin.positiveRate),
  };
}

/** The expected calibration error: the mean over bins, weighted by count, of |mean score - share of positives|. */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const rows = bins.reduce((sum, { count }) => sum + count, 0);
  const filled = bins.filter(({ count }) => count > 0);
  return (
    filled.reduce((sum, { count, meanScore, positiveRate }) => sum + count * Math.abs(meanScore - positiveRate), 0) /
    rows
  );
}

/** The mean negative log likelihood, in nats; scores are kept 2^-52 away from 0 and 1 (sklearn `log_loss`). */
export function logLoss(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < scores.length; row++) {
    const score = Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, scores[row]));
    sum -= labels[row] === 1 ? Math.log(score) : Math.log(1 - score);
  }
  return sum / scores.length;
}

/** The mean squared difference between score and label (sklearn `brier_score_loss`). */
export function brierScore(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < scores.length; row++) sum += (scores[row] - labels[row]) ** 2;
  return sum / scores.length;
}

/**
 * The ROC curve from (0, 0) to (1, 1): x is the false-positive rate, y the true-positive rate. At most `limit` points.
 */
export function rocCurve({ steps, positives, negatives }: Ranking, limit = 400): CurvePoint[] {
  const curve = steps.map(({ truePositives, falsePositives }) => ({
    x: falsePositives / negatives,
    y: truePositives / positives,
  }));
  return thin([{ x: 0, y: 0 }, ...curve], limit);
}

/** The precision-recall curve by ascending recall: x is recall, y precision. At most `limit` points. */
export function precisionRecallCurve({ steps, positives }: Ranking, limit = 400): CurvePoint[] {
  const curve = steps.map(({ truePositives, falsePositives }) => ({
    x: truePositives / positives,
    y: truePositives / (truePositives + falsePositives),
  }));
  return thin(curve, limit);
}

/**
 * Keeps the ends and, between them, points at even distances along the curve: a steep part of a curve has few rows, of
 * which a sample by row number would keep too few.
 */
function thin(curve: readonly CurvePoint[], limit: number): CurvePoint[] {
  if (curve.length <= limit) return [...curve];
  const travelled = new Float64Array(curve.length);
  for (let i = 1; i < curve.length; i++) {
    travelled[i] = travelled[i - 1] + Math.abs(curve[i].x - curve[i - 1].x) + Math.abs(curve[i].y - curve[i - 1].y);
  }
  const stride = travelled[curve.length - 1] / (limit - 2);
  const kept = [curve[0]];
  let next = stride;
  for (let i = 1; i < curve.length - 1; i++) {
    if (travelled[i] < next) continue;
    kept.push(curve[i]);
    next = (Math.floor(travelled[i] / stride) + 1) * stride;
  }
  return [...kept, curve[curve.length - 1]];
}

/** The confusion table where every row with a score of at least `threshold` is predicted positive. */
export function confusion({ steps, positives, negatives }: Ranking, threshold: number): Confusion {
  const reached = steps.findLast((step) => step.threshold >= threshold);
  const truePositives = reached?.truePositives ?? 0;
  const falsePositives = reached?.falsePositives ?? 0;
  const flagged = truePositives + falsePositives;
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives: negatives - falsePositives,
    falseNegatives: positives - truePositives,
    precision: flagged === 0 ? 0 : truePositives / flagged,
    recall: truePositives / positives,
    f1: (2 * truePositives) / (flagged + positives),
    flagged: flagged / (positives + negatives),
  };
}

/**
 * The threshold with the highest F1; of several, the highest one. It should be chosen on another split than it is
 * evaluated on.
 */
export function chooseThreshold({ steps, positives }: Ranking): number {
  let best = steps[0];
  const f1 = (step: Step): number => (2 * step.truePositives) / (step.truePositives + step.falsePositives + positives);
  for (const step of steps) if (f1(step) > f1(best)) best = step;
  return best.threshold;
}
