/**
 * The one suite that every strategy passes: compares the plain tree walk and every strategy that
 * `applicableStrategies` names with LightGBM's own answers. Raw scores are equal bit for bit, predictions of the
 * kernels within 2 units in the last place, contributions within 1e-12.
 *
 * LIGHTSCORE_CONFORMANCE_SEEDS=500 (or 500-1000) runs other or more random models than the suite does by default.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { calibrate } from '../src/artifact/calibrator.js';
import { readPickledCalibrator } from '../src/artifact/scikit-learn.js';
import { LightscoreError } from '../src/errors.js';
import { TOLERANCE, contributionError, firstDifference, maxUlpsApart } from '../src/model/agreement.js';
import { type Booster, splitImportance } from '../src/model/booster.js';
import { STRATEGIES } from '../src/model/strategies.js';
import { parseBooster } from '../src/model/parse.js';
import { type LightGBM, needsNative, openLightGBM } from './support/native.js';
import { projectRoot } from './support/project.js';
import { type RandomModel, randomModel } from './support/random-model.js';
import { SPLITS, type Scorer, scorersFor } from './support/strategies.js';

/** The plain walk's softmax uses V8's exp, whose last bit may differ in the numerator and in the sum. */
const MAX_PLAIN_WALK_ULPS = 4;
const DEFAULT_SEEDS = 240;
/** Number of rows of each random model that are explained: LightGBM takes a millisecond for each. */
const EXPLAINED_ROWS = 12;

const data = join(projectRoot, 'test/data');
const readText = (path: string): string => readFileSync(join(data, path), 'utf8');
const load = (path: string): Booster => parseBooster(readText(path), path);

/** The lists of a reference file, flattened; null is a missing value. */
function readGolden(path: string): (name: string) => Float64Array {
  const golden: unknown = JSON.parse(readText(path));
  return (name) => {
    const list: unknown =
      typeof golden === 'object' && golden !== null
        ? Object.entries(golden).find(([key]) => key === name)?.[1]
        : undefined;
    assert.ok(Array.isArray(list), `${path} has no list ${name}`);
    return Float64Array.from(list.flat(), (value) => {
      assert.ok(value === null || typeof value === 'number');
      return value ?? NaN;
    });
  };
}

interface Expected {
  readonly rows: Float64Array;
  readonly raw: Float64Array;
  readonly prediction: Float64Array;
}

/** The largest distance of a kernel's prediction from LightGBM's, for the line that ends the run. */
let worstUlps = 0;

/** The reason why `scorer` does not conform on these rows, or undefined. */
function fault(scorer: Scorer, booster: Booster, { rows, raw, prediction }: Expected): string | undefined {
  for (const split of scorer.name === 'plain walk' ? SPLITS.slice(0, 1) : SPLITS) {
    const scores = scorer.score(rows, split);
    const at = firstDifference(raw, scores.raw);
    if (at >= 0) {
      const row = Math.floor(at / booster.outputs);
      const values = [...rows.subarray(row * booster.featureCount, (row + 1) * booster.featureCount)].map((value) =>
        Object.is(value, -0) ? '-0' : String(value),
      );
      return (
        `${scorer.name}, ${split}: raw score ${at % booster.outputs} of row ${row} is ${scores.raw[at]}, ` +
        `LightGBM's ${raw[at]}; row [${values.join(', ')}]`
      );
    }
    const ulps = maxUlpsApart(prediction, scores.prediction);
    if (scorer.name !== 'plain walk') worstUlps = Math.max(worstUlps, ulps);
    if (ulps > (scorer.name === 'plain walk' ? MAX_PLAIN_WALK_ULPS : TOLERANCE.predictionUlps))
      return `${scorer.name}, ${split}: a prediction is ${ulps} units in the last place from LightGBM's`;
  }
  return undefined;
}

const seen = new Set<string>();

for (const file of readdirSync(join(data, 'conformance')).filter((name) => name.endsWith('.txt'))) {
  test(`reference model ${file.replace('.txt', '')}: every strategy scores as LightGBM did`, async (t) => {
    const booster = load(`conformance/${file}`);
    const golden = readGolden(`conformance/${file.replace('.txt', '.golden.json')}`);
    const expected = { rows: golden('rows'), raw: golden('raw_score'), prediction: golden('prediction') };
    for (const scorer of scorersFor(booster)) {
      seen.add(scorer.name);
      await t.test(scorer.name, () => {
        assert.equal(fault(scorer, booster, expected), undefined);
        scorer.free();
      });
    }
  });
}

test('golden v1.0.0: scores, calibrated scores, split importance and contributions are as recorded', async (t) => {
  const booster = load('models/v1.0.0/lightgbm_model.txt');
  const golden = readGolden('golden.v1.0.0.json');
  const expected = { rows: golden('rows'), raw: golden('raw_score'), prediction: golden('probability') };
  const calibrated = golden('calibrated');
  const contributions = golden('contributions');
  const calibrator = readPickledCalibrator(readFileSync(join(data, 'models/v1.0.0/calibrator.pkl')), 'calibrator.pkl');

  await t.test('split importance', () => assert.deepEqual(splitImportance(booster), golden('split_importance')));
  await t.test("the calibrator, given LightGBM's probability", () => {
    assert.equal(
      firstDifference(
        calibrated,
        expected.prediction.map((p) => calibrate(calibrator, p)),
      ),
      -1,
    );
  });
  for (const scorer of scorersFor(booster)) {
    seen.add(scorer.name);
    await t.test(scorer.name, () => {
      assert.equal(fault(scorer, booster, expected), undefined);
      const { prediction } = scorer.score(expected.rows, 'one batch');
      prediction.forEach((p, i) => {
        const error = Math.abs(calibrate(calibrator, p) - calibrated[i]);
        assert.ok(
          error <= 1e-12 * calibrated[i],
          `row ${i}: calibrated ${calibrate(calibrator, p)}, expected ${calibrated[i]}`,
        );
      });
      const count = contributions.length / (booster.featureCount + 1);
      const actual = scorer.contributions(expected.rows.subarray(0, count * booster.featureCount));
      if (actual !== undefined) {
        // On these rows the tolerance holds even relative to each contribution.
        contributions.forEach((value, i) =>
          assert.ok(
            Math.abs(actual[i] - value) <= TOLERANCE.contribution * Math.abs(value),
            `contribution ${i}: ${actual[i]}, expected ${value}`,
          ),
        );
        assertAddUp(actual, expected.raw, booster);
      } else assert.equal(scorer.name, 'plain walk');
      scorer.free();
    });
  }
});

/** Asserts that contributions and expected value add up to the raw score. */
function assertAddUp(contributions: Float64Array, raw: Float64Array, { featureCount }: Booster): void {
  const width = featureCount + 1;
  for (let i = 0; i * width < contributions.length; i++) {
    const parts = contributions.subarray(i * width, (i + 1) * width);
    const sum = parts.reduce((a, b) => a + b, 0);
    const scale = parts.reduce((a, b) => Math.max(a, Math.abs(b)), Math.abs(raw[i]));
    assert.ok(
      Math.abs(sum - raw[i]) <= TOLERANCE.contribution * scale,
      `score ${i}: contributions add up to ${sum}, the raw score is ${raw[i]}`,
    );
  }
}

/** The first seed and the end that LIGHTSCORE_CONFORMANCE_SEEDS asks for. */
function seeds(): [number, number] {
  const wanted = process.env['LIGHTSCORE_CONFORMANCE_SEEDS'];
  if (wanted === undefined) return [0, DEFAULT_SEEDS];
  const match = /^(?:(\d+)-)?(\d+)$/.exec(wanted);
  assert.ok(match !== null, `LIGHTSCORE_CONFORMANCE_SEEDS is ${wanted}, expected a number of models, or FIRST-END`);
  return [Number(match[1] ?? 0), Number(match[2])];
}

test(
  'random models and hostile rows: every strategy scores and explains as LightGBM does',
  needsNative(),
  async (t) => {
    const lightgbm = await openLightGBM();
    const [first, end] = seeds();
    const faults: string[] = [];
    let models = 0;
    let scored = 0;
    let explained = 0;
    let worstContribution = 0;
    for (let seed = first; seed < end; seed++) {
      const model = trained(lightgbm, seed);
      if (model === undefined) continue;
      const { modelText, rows, description } = model;
      models++;
      const booster = parseBooster(modelText, `seed ${seed}`);
      const native = lightgbm.load(modelText);
      const expected = { rows, raw: native.predictRaw(rows), prediction: native.predict(rows) };
      const sample = sampleRows(rows, booster.featureCount);
      // LightGBM explains no model that was trained with linear_tree, even where none of its trees is linear.
      const contributions = /^\[linear_tree: 1\]$/m.test(modelText) ? undefined : native.contributions(sample);
      for (const scorer of scorersFor(booster)) {
        seen.add(scorer.name);
        const found = fault(scorer, booster, expected);
        if (found !== undefined) faults.push(`${found}; model: ${description}`);
        scored += rows.length / booster.featureCount;
        if (contributions !== undefined && scorer.name !== 'plain walk') {
          const error = contributionError(
            contributions,
            scorer.contributions(sample) ?? new Float64Array(0),
            booster.featureCount,
          );
          worstContribution = Math.max(worstContribution, error);
          explained += EXPLAINED_ROWS;
          if (!(error <= TOLERANCE.contribution))
            faults.push(
              `${scorer.name}: contributions are ${error} of the largest from LightGBM's; model: ${description}`,
            );
        }
        scorer.free();
      }
      native.free();
    }
    t.diagnostic(
      `${models} models, ${scored} rows scored in ${SPLITS.length} splits, ${explained} explained; the kernels' ` +
        `predictions at most ${worstUlps} units in the last place from LightGBM's, contributions ${worstContribution}`,
    );
    assert.ok(models >= 0.98 * (end - first), `LightGBM trained only ${models} of ${end - first} models`);
    assert.equal(faults.length, 0, `${faults.length} disagreements with LightGBM:\n${faults.slice(0, 10).join('\n')}`);
  },
);

/** Undefined where LightGBM's training stops at a check of its own, as it does on a few of the random parameters. */
function trained(lightgbm: LightGBM, seed: number): RandomModel | undefined {
  try {
    return randomModel(lightgbm, seed);
  } catch (error) {
    if (error instanceof LightscoreError && error.code === 'NATIVE_FAILED') return undefined;
    throw error;
  }
}

/** Rows at even distances from the first to the last: training rows and hostile ones. */
function sampleRows(rows: Float64Array, featureCount: number): Float64Array {
  const count = rows.length / featureCount;
  const sample = new Float64Array(EXPLAINED_ROWS * featureCount);
  for (let i = 0; i < EXPLAINED_ROWS; i++) {
    const row = Math.floor((i * (count - 1)) / (EXPLAINED_ROWS - 1));
    sample.set(rows.subarray(row * featureCount, (row + 1) * featureCount), i * featureCount);
  }
  return sample;
}

after(() =>
  assert.deepEqual([...seen].toSorted(), ['plain walk', ...STRATEGIES].toSorted(), 'no model here tests some strategy'),
);
