/**
 * The scoring core without a server: a real pool with models of the test data in its memory, and requests that check
 * their own answers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPickledCalibrator } from '../../src/artifact/scikit-learn.js';
import { splitImportance } from '../../src/model/booster.js';
import { compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';
import type { Batch, BatchObserver, PendingRequest } from '../../src/scoring/batcher.js';
import type { Lane, LaneKind } from '../../src/scoring/lane.js';
import type { ScoringPool } from '../../src/scoring/pool.js';
import { ServedModel } from '../../src/scoring/served-model.js';
import { projectRoot } from './project.js';

export function placeModel(pool: ScoringPool, version: string): ServedModel {
  const read = (file: string): Buffer => readFileSync(join(projectRoot, 'test/data/models', version, file));
  const booster = parseBooster(read('lightgbm_model.txt').toString());
  const image = compileImage(booster, readPickledCalibrator(read('calibrator.pkl'), 'calibrator.pkl'));
  const address = pool.memory.allocate(image.bytes.length);
  new Uint8Array(pool.memory.memory.buffer, address).set(image.bytes);
  const card = {
    version,
    modelVersion: version,
    calibrationVersion: version,
    featureSetVersion: undefined,
    featureNames: booster.featureNames,
    importance: Array.from(splitImportance(booster)),
    exampleRow: [],
    exampleScore: 0,
    objective: booster.objective.name,
    unexplained: undefined,
    trees: booster.trees.length,
    leaves: 0,
    modelSha256: '',
  };
  const { strategy, shape, bytes } = image;
  return new ServedModel({ card, strategy, shape, image: address, imageBytes: bytes.length }, pool.memory);
}

/** Counts what a batcher says. */
export class Observed implements BatchObserver {
  batches = 0;
  rows = 0;
  inlineBatches = 0;
  workersFailed = 0;
  readonly answersFailed: unknown[] = [];
  /** Called at each hand-over. */
  onDispatch: () => void = () => {};

  dispatched(rows: number, waitSeconds: number, inline: boolean): void {
    if (!(waitSeconds >= 0)) throw new Error(`waited ${waitSeconds} s`);
    this.batches++;
    this.rows += rows;
    if (inline) this.inlineBatches++;
    this.onDispatch();
  }

  delivered(): void {}

  workerFailed(): void {
    this.workersFailed++;
  }

  answerFailed(error: unknown): void {
    this.answersFailed.push(error);
  }
}

export type Outcome = 'scored' | 'deadline' | 'worker';

/** A request of some rows; what it gets is copied, as its lane goes back. */
export class RecordedRequest implements PendingRequest {
  settled = false;
  readonly calibrated: number[];
  readonly models: ServedModel[] = [];
  readonly contributions: number[][] = [];
  /** How often each row was delivered. */
  readonly deliveries: number[];
  failures = 0;
  readonly outcome: Promise<Outcome>;
  #resolve: (outcome: Outcome) => void = () => {};
  #left: number;

  constructor(
    private readonly rows: readonly (readonly (number | null)[])[],
    readonly kind: LaneKind = 'score',
    readonly deadline = Number.POSITIVE_INFINITY,
  ) {
    this.calibrated = rows.map(() => NaN);
    this.deliveries = rows.map(() => 0);
    this.#left = rows.length;
    this.outcome = new Promise((resolve) => (this.#resolve = resolve));
  }

  get rowCount(): number {
    return this.rows.length;
  }

  writeRow(row: number, lane: Lane, at: number): void {
    lane.rows.set(
      this.rows[row].map((value) => value ?? NaN),
      at * lane.plan.features,
    );
    lane.clearId(at);
  }

  scored(row: number, { lane, model }: Batch, laneRow: number): void {
    this.deliveries[row]++;
    if (this.settled) return;
    this.calibrated[row] = lane.calibrated[laneRow];
    this.models[row] = model;
    if (this.kind === 'explain') {
      const width = lane.plan.features + 1;
      this.contributions[row] = Array.from(lane.contributions.subarray(laneRow * width, (laneRow + 1) * width));
    }
    if (--this.#left > 0) return;
    this.settled = true;
    this.#resolve('scored');
  }

  failed(reason: 'deadline' | 'worker'): void {
    this.failures++;
    this.settled = true;
    this.#resolve(reason);
  }
}
