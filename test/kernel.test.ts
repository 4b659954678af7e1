/** What the kernel writes to a lane besides raw scores: which rows it touches, calibration, the ranking of features. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  array,
  assert as assertProperty,
  constantFrom,
  double,
  integer,
  oneof,
  property,
  tuple,
  uniqueArray,
} from 'fast-check';
import {
  type Calibrator,
  type IsotonicCalibrator,
  calibrate,
  calibratedScore,
  calibratorFault,
} from '../src/artifact/calibrator.js';
import { ulpsApart } from '../src/model/agreement.js';
import { type Booster, splitImportance } from '../src/model/booster.js';
import { type Image, applicableStrategies, compileImage } from '../src/model/image.js';
import type { Strategy } from '../src/model/strategies.js';
import { parseBooster } from '../src/model/parse.js';
import { criticalRows } from '../src/model/critical-rows.js';
import { type BoundKernel, compileKernel, instantiateKernel } from '../src/scoring/kernel.js';
import { type Lane, createLane } from '../src/scoring/lane.js';
import { SharedMemory } from '../src/scoring/memory.js';
import { SMALL_MODEL } from './support/model-text.js';

const memory = new SharedMemory();
const kernels = instantiateKernel(compileKernel(), memory.memory);

interface Loaded {
  readonly image: Image;
  readonly address: number;
  readonly kernel: BoundKernel;
}

function load(booster: Booster, calibrator?: Calibrator, strategy?: Strategy): Loaded {
  const image = compileImage(booster, calibrator, strategy);
  const address = memory.allocate(image.bytes.length);
  new Uint8Array(memory.memory.buffer, address).set(image.bytes);
  return { image, address, kernel: kernels[image.strategy] };
}

/** The header of a regression model's text. */
const header = (features: string): string =>
  [
    'tree',
    'version=v4',
    'num_class=1',
    'num_tree_per_iteration=1',
    `max_feature_idx=${features.split(' ').length - 1}`,
    'objective=regression',
    `feature_names=${features}`,
    '\n',
  ].join('\n');

/** One tree, one linear leaf: the prediction is feature 0 itself, whatever it is. */
const IDENTITY = parseBooster(
  `${header('x')}${[
    'Tree=0',
    'num_leaves=1',
    'num_cat=0',
    'leaf_value=0',
    'is_linear=1',
    'leaf_const=0',
    'num_features=1',
    'leaf_features=0',
    'leaf_coeff=1',
    'shrinkage=1',
  ].join('\n')}\n\n\nend of trees\n`,
);

/** Everything that `/score` reads from a lane, with the number of values per row. */
const results = (lane: Lane): [ArrayLike<number>, number][] => [
  [lane.raw, lane.plan.outputs],
  [lane.prediction, lane.plan.outputs],
  [lane.calibrated, 1],
  [lane.ranking, 3],
];

test('scoring some rows of a lane leaves the others, the inputs and the image as they were', () => {
  const booster = parseBooster(SMALL_MODEL);
  const { rows, count } = criticalRows(booster, 40);
  for (const strategy of applicableStrategies(booster)) {
    const { image, address, kernel } = load(booster, undefined, strategy);
    const lane = createLane(memory, image.shape, count, 'score');
    lane.rows.set(rows);
    kernel.score(address, lane.address, 0, count);
    const all = results(lane).map(([values]) => Array.from(values));
    for (const [first, end] of [
      [0, 1],
      [1, 2],
      [3, 17],
      [count - 1, count],
      [5, 5],
    ]) {
      for (const values of [lane.raw, lane.prediction, lane.calibrated, lane.ranking]) values.fill(-7);
      kernel.score(address, lane.address, first, end);
      results(lane).forEach(([values, width], part) => {
        const expected = all[part].map((value, i) => (i >= first * width && i < end * width ? value : -7));
        assert.deepEqual(Array.from(values), expected, `${strategy}: rows ${first} to ${end}`);
      });
    }
    assert.deepEqual(lane.rows, rows);
    assert.deepEqual(new Uint8Array(memory.memory.buffer, address, image.bytes.length).slice(), image.bytes);
    for (const region of [lane.address, address]) memory.free(region);
  }
});

test("the calibrated score is the calibrator's own, bit for bit, in double and in single precision", () => {
  const probability = integer({ min: 0, max: 2 ** 31 }).map((count) => count / 2 ** 31);
  const thresholds = uniqueArray(probability, { minLength: 1, maxLength: 40 });
  const inputs = array(oneof(double(), probability), { maxLength: 30 });
  let compared = 0;
  assertProperty(
    property(
      thresholds,
      array(probability, { minLength: 40, maxLength: 40 }),
      inputs,
      constantFrom('float64', 'float32'),
      constantFrom(1, -1),
      (list, heights, others, precision, direction) => {
        const round = precision === 'float32' ? Math.fround : Number;
        const x = Float64Array.from(new Set(list.map((value) => round(value) + 0))).toSorted();
        const y = Float64Array.from(heights.slice(0, x.length), (value) => round(value)).toSorted(
          (a, b) => direction * (a - b),
        );
        const calibrator: IsotonicCalibrator = { type: 'isotonic', input: 'probability', x, y, precision };
        if (calibratorFault(calibrator) !== undefined) return;
        // Values at, just beside and between the thresholds; |x| <= 1e-35 reaches the calibrator as 0.
        const probabilities = [
          ...x,
          ...x.map((value) => value * (1 + 2 ** -52)),
          ...x.map((value, i) => (value + (x[i + 1] ?? 1)) / 2),
          ...others,
          0,
          1,
        ].filter((p) => !Number.isNaN(p) && (p === 0 || Math.abs(p) > 1e-35));
        const { image, address, kernel } = load(IDENTITY, calibrator);
        const lane = createLane(memory, image.shape, probabilities.length, 'score');
        lane.rows.set(probabilities);
        kernel.score(address, lane.address, 0, probabilities.length);
        probabilities.forEach((p, i) =>
          assert.ok(
            Object.is(lane.calibrated[i], calibrate(calibrator, p + 0)),
            `${p}: ${lane.calibrated[i]}, expected ${calibrate(calibrator, p)}`,
          ),
        );
        compared += probabilities.length;
        for (const region of [lane.address, address]) memory.free(region);
      },
    ),
    { numRuns: 400 },
  );
  assert.ok(compared > 5000);
});

/**
 * Missing counts as 0, an overflow as the largest double, and features whose product is equal keep their order.
 */
test('a calibrator of raw scores is given raw scores, and a sigmoid answers as its definition', () => {
  const booster = parseBooster(SMALL_MODEL);
  const { rows, count } = criticalRows(booster);
  const x = Float64Array.of(-1, 0, 2);
  const y = Float64Array.of(0.1, 0.4, 0.8);
  const calibrators: Calibrator[] = (['probability', 'raw'] as const).flatMap((input) => [
    { type: 'isotonic', input, x, y, precision: 'float64' },
    { type: 'isotonic', input, x, y: y.map(Math.fround), precision: 'float32' },
    { type: 'sigmoid', input, a: -3.25, b: 0.75 },
  ]);
  for (const calibrator of [undefined, ...calibrators]) {
    const { image, address, kernel } = load(booster, calibrator);
    const lane = createLane(memory, image.shape, count, 'score');
    lane.rows.set(rows);
    kernel.score(address, lane.address, 0, count);
    for (let r = 0; r < count; r++) {
      const [raw, prediction] = [lane.raw[r], lane.prediction[r]];
      const expected = calibratedScore(calibrator, { raw, prediction });
      if (calibrator?.type === 'sigmoid') assert(ulpsApart(lane.calibrated[r], expected) <= 2);
      else assert.equal(lane.calibrated[r], expected);
    }
    assert(lane.raw.some((raw, r) => raw !== lane.prediction[r]));
    for (const region of [lane.address, address]) memory.free(region);
  }
});

test('features are ranked by |value * importance|', () => {
  const value = oneof(
    double({ noDefaultInfinity: true }),
    integer({ min: -3, max: 3 }),
    constantFrom(NaN, 1e308, -1e308, 0, -0),
  );
  const features = 6;
  const text = (importance: readonly number[]): string => {
    const splits = importance.flatMap((count, feature) => Array.from({ length: count }, () => feature));
    const trees = splits.map((feature, t) =>
      [
        `Tree=${t}`,
        'num_leaves=2',
        'num_cat=0',
        `split_feature=${feature}`,
        'split_gain=1',
        'threshold=0.5',
        'decision_type=10',
        'left_child=-1',
        'right_child=-2',
        'leaf_value=1 2',
        'is_linear=0',
        'shrinkage=1',
        '\n\n',
      ].join('\n'),
    );
    return `${header('a b c d e f')}${trees.join('')}end of trees\n`;
  };
  assertProperty(
    property(
      array(integer({ min: 0, max: 4 }), { minLength: features, maxLength: features }),
      tuple(...Array.from({ length: features }, () => value)),
      (importance, row) => {
        const booster = parseBooster(text(importance));
        assert.deepEqual([...splitImportance(booster)], importance);
        const { image, address, kernel } = load(booster);
        const lane = createLane(memory, image.shape, 1, 'score');
        lane.rows.set(row);
        kernel.score(address, lane.address, 0, 1);
        const weight = row.map((x, f) =>
          Number.isNaN(x) ? 0 : Math.min(Number.MAX_VALUE, Math.abs(x * importance[f])),
        );
        const ranked = weight.map((_, f) => f).toSorted((a, b) => weight[b] - weight[a] || a - b);
        assert.deepEqual(
          [...lane.ranking],
          ranked.slice(0, 3),
          `[${row.join(', ')}] with importance [${importance.join(', ')}]`,
        );
        for (const region of [lane.address, address]) memory.free(region);
      },
    ),
    { numRuns: 400 },
  );
});

test('a model of one feature ranks that one only', () => {
  const { image, address, kernel } = load(IDENTITY);
  const lane = createLane(memory, image.shape, 1, 'score');
  lane.rows.set([3]);
  kernel.score(address, lane.address, 0, 1);
  assert.deepEqual([...lane.ranking], [0, -1, -1]);
  for (const region of [lane.address, address]) memory.free(region);
});
