/** The models that the library hands out: a scorer, and its results in the shape of the model's outputs. */
import { LightscoreError } from '../errors.js';
import type { InProcessScorer } from '../scoring/in-process.js';
import type { MulticlassModel, RowsArguments, SingleOutputModel } from './model.js';
import { flatRows } from './rows.js';

/** What is known of a model beside its booster. */
export interface ModelFacts {
  readonly featureNames: readonly string[];
  readonly modelVersion: string | undefined;
  readonly calibrated: boolean;
}

/** From flat results, [rows][outputs] and [rows][outputs][features + 1], to one element a row. */
interface Shape<Score, Contributions> {
  scores(values: Float64Array): Score[];
  contributions(values: Float64Array): Contributions[];
}

abstract class ScoringModel<Score, Contributions> {
  readonly featureNames: readonly string[];
  readonly modelVersion: string | undefined;
  readonly objective: string;
  readonly outputs: number;
  readonly calibrated: boolean;
  readonly explainable: boolean;
  readonly #shape: Shape<Score, Contributions>;
  readonly #onDisposed: () => void;
  #scorer: InProcessScorer | undefined;

  /** @param onDisposed called once, when the scorer has given its memory back */
  constructor(scorer: InProcessScorer, facts: ModelFacts, shape: Shape<Score, Contributions>, onDisposed: () => void) {
    const { booster, image } = scorer;
    this.featureNames = Object.freeze([...facts.featureNames]);
    this.modelVersion = facts.modelVersion;
    this.objective = booster.objective.name;
    this.outputs = booster.outputs;
    this.calibrated = facts.calibrated;
    this.explainable = image.unexplained === undefined;
    this.#shape = shape;
    this.#onDisposed = onDisposed;
    this.#scorer = scorer;
  }

  score(...rows: RowsArguments): Score[] {
    const { calibrated, prediction } = this.#open().score(flatRows(rows, this.featureNames));
    // The kernel calibrates where there is one output, and gives the prediction again where there is no calibrator.
    return this.#shape.scores(this.outputs === 1 ? calibrated : prediction);
  }

  raw(...rows: RowsArguments): Score[] {
    return this.#shape.scores(this.#open().score(flatRows(rows, this.featureNames)).raw);
  }

  contributions(...rows: RowsArguments): Contributions[] {
    return this.#shape.contributions(this.#open().contributions(flatRows(rows, this.featureNames)));
  }

  dispose(): void {
    if (this.#scorer === undefined) return;
    this.#scorer.dispose();
    this.#scorer = undefined;
    this.#onDisposed();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(): InProcessScorer {
    if (this.#scorer === undefined)
      throw new LightscoreError('MODEL_DISPOSED', 'the model was disposed of, and its memory is freed; load it again');
    return this.#scorer;
  }
}

export class SingleOutputScoringModel extends ScoringModel<number, number[]> implements SingleOutputModel {
  readonly multiclass = false;

  constructor(scorer: InProcessScorer, facts: ModelFacts, onDisposed: () => void) {
    const width = scorer.booster.featureCount + 1;
    const shape = {
      scores: (values: Float64Array) => Array.from(values),
      contributions: (values: Float64Array) => pieces(Array.from(values), width),
    };
    super(scorer, facts, shape, onDisposed);
  }
}

export class MulticlassScoringModel extends ScoringModel<number[], number[][]> implements MulticlassModel {
  readonly multiclass = true;

  constructor(scorer: InProcessScorer, facts: ModelFacts, onDisposed: () => void) {
    const { featureCount, outputs } = scorer.booster;
    const shape = {
      scores: (values: Float64Array) => pieces(Array.from(values), outputs),
      contributions: (values: Float64Array) => pieces(pieces(Array.from(values), featureCount + 1), outputs),
    };
    super(scorer, facts, shape, onDisposed);
  }
}

function pieces<T>(list: readonly T[], length: number): T[][] {
  return Array.from({ length: list.length / length }, (_, i) => list.slice(i * length, (i + 1) * length));
}
