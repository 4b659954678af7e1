/** Assigns every row its role in training: fitting, stopping, calibrating, testing. */
import { LightscoreError } from '../errors.js';
import { FEATURE_NAMES, type Split } from './features.js';
import { countPositives, labelledRows, type LabelledRows, takeRows } from './labelled-rows.js';
import { stratifiedParts, undersampled, UNDERSAMPLE_RATIO } from './partition.js';
import type { SourceTable } from './read-table.js';

export type Imbalance = 'none' | 'weight' | 'undersample';

/** The rows by their role. */
export interface Roles {
  /** Every row of the training split. */
  readonly train: LabelledRows;
  /** The rows that the booster trains on: all of `train`, or fewer negatives. */
  readonly fit: LabelledRows;
  /** The half of the validation split that decides when training stops. */
  readonly stop: LabelledRows;
  /** The other half, which the booster never sees: the calibrator is fitted on it. */
  readonly calibrate: LabelledRows;
  readonly validation: LabelledRows;
  readonly test: LabelledRows;
}

/**
 * Assigns every row its role. The validation split is halved (stratified, by seed), so that the booster has the whole
 * training split.
 * @throws LightscoreError DATA_INVALID if a half would lack a class
 */
export function assignRoles(
  tables: Record<Split, SourceTable>,
  labelName: string,
  { seed, imbalance }: { readonly seed: number; readonly imbalance: Imbalance },
): Roles {
  const rowsOf = (split: Split): LabelledRows => labelledRows(tables[split], FEATURE_NAMES, labelName);
  const [trainRows, validation] = [rowsOf('train'), rowsOf('validation')];
  const halves = stratifiedParts(validation.labels, 2, seed).map((rows) => takeRows(validation, rows));
  for (const half of halves) {
    const positives = countPositives(half.labels);
    if (positives === 0 || positives === half.rows) {
      throw new LightscoreError(
        'DATA_INVALID',
        `${tables.validation.file}: it is halved for stopping and for calibration, ` +
          'and each half needs rows of both classes',
      );
    }
  }
  const fit = imbalance === 'undersample' ? takeRows(trainRows, undersampled(trainRows.labels, seed)) : trainRows;
  return { train: trainRows, fit, stop: halves[0], calibrate: halves[1], validation, test: rowsOf('test') };
}

/** A sentence about the treatment of the rare class. It is part of model card, report and metadata. */
export function imbalanceNote(imbalance: Imbalance, { train: all, fit }: Roles): string {
  const positives = countPositives(fit.labels);
  const negatives = fit.rows - positives;
  if (imbalance === 'weight')
    return (
      `Frauds weigh ${(negatives / positives).toFixed(2)} times as much as legitimate applications, ` +
      'so that both classes weigh the same.'
    );
  if (imbalance === 'none') return 'Class imbalance was left as it is: no weights, no sampling.';
  return (
    `All ${positives} frauds and ${negatives} of ${all.rows - positives} legitimate applications were used, ` +
    `drawn by seed (at most ${UNDERSAMPLE_RATIO} a fraud).`
  );
}

/** A sentence about the calibrator's rows and what it corrects. It is part of model card, report and metadata. */
export function calibrationNote(imbalance: Imbalance): string {
  const rows =
    'Fitted on half of the validation split, drawn by seed: rows the booster has not seen, ' +
    'with their natural share of frauds and no weights';
  if (imbalance === 'none') return `${rows}.`;
  const treatment = imbalance === 'weight' ? 'the weighting' : 'the sampling';
  return `${rows}. So it also undoes what ${treatment} does to the booster's probabilities.`;
}
