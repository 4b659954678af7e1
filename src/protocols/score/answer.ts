/** Writes the answers of `/score`: JSON, with everything that a model fixes prepared once. */
import { NUMBER_BYTES, RANKED } from '../../../workers/kernel/layout.js';
import type { Batch } from '../../scoring/batcher.js';
import { type AnswerPieces, answerPieces } from '../../scoring/answer-text.js';
import type { ScoreQuery } from '../../contract/query.js';
import type { ModelCard } from '../../scoring/model-card.js';

/** All of a row but versions, features and request id. */
const ROW_CHARACTERS = 160;

export class AnswerWriter {
  readonly #pieces: AnswerPieces;
  readonly #mostOfFeature: number;

  constructor(private readonly card: ModelCard) {
    this.#pieces = answerPieces(card);
    const { beforeValue, afterValue } = this.#pieces;
    this.#mostOfFeature =
      beforeValue.reduce((most, before, f) => Math.max(most, before.length + afterValue[f].length), 0) +
      2 * NUMBER_BYTES +
      2;
  }

  /** Most characters of one row's answer, without its request id. */
  mostCharacters({ topK }: ScoreQuery): number {
    return (
      this.#pieces.versions.length +
      ROW_CHARACTERS +
      Math.min(topK, this.card.featureNames.length) * this.#mostOfFeature
    );
  }

  /**
   * @param requestId as JSON, in its quotes
   * @param milliseconds whole
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
    return `${head}${lane.calibrated[laneRow]}${list}${features}${versions}${milliseconds}${id}${requestId}${expected}}`;
  }

  /** The features that the kernel has ranked. */
  #ranked({ lane }: Batch, laneRow: number, topK: number): string {
    const start = laneRow * lane.plan.features;
    let out = '';
    for (let i = 0; i < topK; i++) {
      const feature = lane.ranking[laneRow * RANKED + i];
      if (feature < 0) break;
      const value = lane.rows[start + feature];
      out += `${i === 0 ? '' : ','}${this.#feature(feature, value, product(value, this.card.importance[feature]))}`;
    }
    return out;
  }

  /** The kernel's ranking, for more features than it keeps. */
  #byImportance({ lane }: Batch, laneRow: number, topK: number): string {
    const { features } = lane.plan;
    const values = lane.rows.subarray(laneRow * features, (laneRow + 1) * features);
    const products = values.map((value, feature) => product(value, this.card.importance[feature]));
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
    // A value is finite or missing; only missing differs from itself.
    const shown = value === value ? `${value}` : 'null';
    return `${this.#pieces.beforeValue[feature]}${shown}${this.#pieces.afterValue[feature]}${contribution}}`;
  }
}

/** |value * importance| as the kernel ranks it: 0 for a missing value, the largest double for an overflow. */
function product(value: number, importance: number): number {
  const size = Math.abs(value * importance);
  return size === size ? Math.min(size, Number.MAX_VALUE) : 0;
}

/** Indices of the `count` values largest in size; ties keep their order. */
function largest(values: Float64Array, count: number): number[] {
  return Array.from(values.keys())
    .toSorted((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b)
    .slice(0, count);
}
