/** Writes the JSON answer of one row. The parts that are the same for all answers of a model are prepared once. */
import { NUMBER_BYTES, RANKED } from '../../../workers/kernel/layout.js';
import type { Batch } from '../../scoring/batcher.js';
import { type AnswerPieces, answerPieces } from '../../scoring/answer-text.js';
import { DEFAULT_TOP_K, type ScoreQuery } from '../../contract/query.js';
import type { ScoreResponse } from '../../contract/schemas.js';
import type { ModelCard } from '../../scoring/model-card.js';

/** Upper bound of an answer's characters without versions, features and request id. */
const ROW_CHARACTERS = 160;

export class AnswerWriter {
  readonly #card: ModelCard;
  readonly #pieces: AnswerPieces;
  readonly #maxFeatureCharacters: number;

  constructor(card: ModelCard) {
    this.#card = card;
    this.#pieces = answerPieces(card);
    const { beforeValue, afterValue } = this.#pieces;
    this.#maxFeatureCharacters =
      beforeValue.reduce((max, before, f) => Math.max(max, before.length + afterValue[f].length), 0) +
      2 * NUMBER_BYTES +
      2;
  }

  /** Upper bound of the characters of one row's answer, without its request id. */
  maxCharacters({ topK }: ScoreQuery): number {
    return (
      this.#pieces.versions.length +
      ROW_CHARACTERS +
      Math.min(topK, this.#card.featureNames.length) * this.#maxFeatureCharacters
    );
  }

  /**
   * @param requestId JSON text, with quotes
   * @param milliseconds a whole number
   * @returns the JSON object of one row
   */
  write(batch: Batch, laneRow: number, query: ScoreQuery, requestId: string, milliseconds: number): string {
    const { lane } = batch;
    let features: string;
    let expected = '';
    if (query.explain === 'shap') {
      features = this.#byContribution(batch, laneRow, query.topK);
      const width = lane.plan.features + 1;
      expected = `,"expected_value":${lane.contributions[laneRow * width + width - 1]}`;
    } else {
      features =
        query.topK <= RANKED
          ? this.#ranked(batch, laneRow, query.topK)
          : this.#byImportance(batch, laneRow, query.topK);
    }
    const { head, features: list, versions, id } = this.#pieces;
    const scored = `${head}${lane.calibrated[laneRow]}${list}${features}${versions}`;
    return `${scored}${milliseconds}${id}${requestId}${expected}}`;
  }

  /** Lists the features that the kernel has ranked. */
  #ranked({ lane }: Batch, laneRow: number, topK: number): string {
    const start = laneRow * lane.plan.features;
    let out = '';
    for (let i = 0; i < topK; i++) {
      const feature = lane.ranking[laneRow * RANKED + i];
      if (feature < 0) break;
      const value = lane.rows[start + feature];
      out += `${i === 0 ? '' : ','}${this.#feature(feature, value, product(value, this.#card.importance[feature]))}`;
    }
    return out;
  }

  /** Ranks as the kernel does, for more features than its ranking holds. */
  #byImportance({ lane }: Batch, laneRow: number, topK: number): string {
    const { features } = lane.plan;
    const values = lane.rows.subarray(laneRow * features, (laneRow + 1) * features);
    const products = values.map((value, feature) => product(value, this.#card.importance[feature]));
    return largest(products, topK)
      .map((feature) => this.#feature(feature, values[feature], products[feature]))
      .join();
  }

  #byContribution({ lane }: Batch, laneRow: number, topK: number): string {
    const { features } = lane.plan;
    const values = lane.rows.subarray(laneRow * features, (laneRow + 1) * features);
    const contributions = lane.contributions.subarray(laneRow * (features + 1), laneRow * (features + 1) + features);
    return largest(contributions, topK)
      .map((feature) => this.#feature(feature, values[feature], contributions[feature]))
      .join();
  }

  #feature(feature: number, value: number, contribution: number): string {
    // A value is finite, or NaN if it is missing; only NaN differs from itself.
    const shown = value === value ? `${value}` : 'null';
    return `${this.#pieces.beforeValue[feature]}${shown}${this.#pieces.afterValue[feature]}${contribution}}`;
  }
}

/** The answer to the model's example row, as documents show it: ranked by importance. */
export function exampleAnswer(card: ModelCard, requestId: string): ScoreResponse {
  const { exampleRow, featureNames, importance } = card;
  const products = Float64Array.from(exampleRow, (value, feature) => product(value, importance[feature]));
  return {
    confidence_score: card.exampleScore,
    top_features: largest(products, DEFAULT_TOP_K).map((feature) => ({
      feature_name: featureNames[feature],
      feature_value: exampleRow[feature],
      importance: importance[feature],
      contribution: products[feature],
    })),
    model_version: card.modelVersion,
    calibration_version: card.calibrationVersion,
    inference_time_ms: 0,
    request_id: requestId,
  };
}

/** |value * importance| as the kernel computes it: 0 for a missing value, the largest double for an overflow. */
function product(value: number, importance: number): number {
  const size = Math.abs(value * importance);
  return size === size ? Math.min(size, Number.MAX_VALUE) : 0;
}

/** Indices of the `count` values with the largest absolute value; ties keep their order. */
function largest(values: Float64Array, count: number): number[] {
  return Array.from(values.keys())
    .toSorted((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b)
    .slice(0, count);
}
