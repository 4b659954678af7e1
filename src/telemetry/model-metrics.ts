/** The counters of a version in a role, and of a challenger in shadow mode beside its champion. */
import type { ShadowObserver } from '../scoring/shadow.js';
import { Distribution } from './counts.js';
import type { Labels } from './prometheus.js';

/** The bound just below 0 keeps rows without a difference apart: with it every quantile of equal models is 0. */
const DIFFERENCES = [-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.001, -1e-9, 0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const SCORES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

export interface ModelName {
  readonly modelVersion: string;
  /** `champion` or `challenger`. */
  readonly variant: string;
}

/** The versions of a challenger in shadow mode and of its champion. */
export interface ShadowName {
  readonly modelVersion: string;
  readonly champion: string;
}

/** The counters of one version in one role. */
export class ModelMetrics implements ModelName {
  readonly modelVersion: string;
  readonly variant: string;
  /** When it lost its role, milliseconds of performance.now(); undefined while it has one. */
  retiredAt: number | undefined;
  predictions = 0;
  latestScore = 0;
  readonly scores = new Distribution(SCORES);

  constructor({ modelVersion, variant }: ModelName) {
    this.modelVersion = modelVersion;
    this.variant = variant;
  }

  add(counted: ModelCounts): void {
    this.predictions += counted.predictions;
    if (counted.predictions > 0) this.latestScore = counted.latestScore;
    this.scores.add(counted.scores);
  }

  get labels(): Labels {
    return { model_version: this.modelVersion, variant: this.variant };
  }

  scored(score: number): void {
    this.predictions++;
    this.latestScore = score;
    this.scores.observe(score);
  }
}

/** The counters of one challenger in shadow mode beside one champion. */
export class ShadowMetrics implements ShadowName, ShadowObserver {
  readonly modelVersion: string;
  readonly champion: string;
  /** As in `ModelMetrics`. */
  retiredAt: number | undefined;
  dropped = 0;
  readonly scores = new Distribution(SCORES);
  /** The challenger's score minus the champion's. */
  readonly differences = new Distribution(DIFFERENCES);

  constructor({ modelVersion, champion }: ShadowName) {
    this.modelVersion = modelVersion;
    this.champion = champion;
  }

  add(counted: ShadowCounts): void {
    this.dropped += counted.dropped;
    this.scores.add(counted.scores);
    this.differences.add(counted.differences);
  }

  get labels(): Labels {
    return { model_version: this.modelVersion, champion: this.champion };
  }

  compared({ champion, challenger }: Record<'champion' | 'challenger', number>): void {
    this.scores.observe(challenger);
    this.differences.observe(challenger - champion);
  }

  missed(rows: number): void {
    this.dropped += rows;
  }
}

export type Counted = Pick<Distribution, 'buckets' | 'sum'>;
export type ModelCounts = Pick<ModelMetrics, 'modelVersion' | 'variant' | 'predictions' | 'latestScore'> & {
  readonly scores: Counted;
};
export type ShadowCounts = Pick<ShadowMetrics, 'modelVersion' | 'champion' | 'dropped'> & {
  readonly scores: Counted;
  readonly differences: Counted;
};
