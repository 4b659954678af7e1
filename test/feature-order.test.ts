/** The order of a row's features, by their names. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { FeatureMismatch, FeatureNames } from '../src/protocols/score/feature-names.js';

const model = ['age', 'ltv_ratio', 'vin_reuse_flag', 'Column_3'];
const row = [10, 11, 12, 13];

/** The row in the model's order, or what is wrong with it. */
function arranged(
  names: FeatureNames,
  features: readonly number[],
  featureNames?: readonly string[],
): number[] | FeatureMismatch {
  const order = names.resolve(featureNames === undefined ? { features } : { features, feature_names: featureNames });
  if (order instanceof FeatureMismatch) return order;
  return order === null ? [...features] : Array.from(order, (position) => features[position]);
}

describe('a row is put in the order of the model', () => {
  const names = new FeatureNames(model);
  test('without names as it is', () => assert.deepEqual(arranged(names, row), row));
  test('with an empty list of names as it is', () => assert.deepEqual(arranged(names, row, []), row));
  test('with the same names as it is', () =>
    assert.equal(names.resolve({ features: row, feature_names: [...model] }), null));
  test('with names in another order by name', () => {
    assert.deepEqual(arranged(names, row, ['Column_3', 'age', 'vin_reuse_flag', 'ltv_ratio']), [11, 13, 12, 10]);
  });
  test('with the last other order without a new permutation', () => {
    const reversed = { features: row, feature_names: model.toReversed() };
    assert.equal(names.resolve(reversed), names.resolve(structuredClone(reversed)));
  });

  test('whatever the order of the names', () => {
    const shuffles = fc.shuffledSubarray(
      fc.sample(fc.uniqueArray(fc.string(), { minLength: 15, maxLength: 15 }), { numRuns: 1, seed: 1 })[0],
      { minLength: 15 },
    );
    const own = fc.sample(shuffles, { numRuns: 1, seed: 2 })[0];
    const many = new FeatureNames(own);
    fc.assert(
      fc.property(fc.array(shuffles, { minLength: 1 }), (orders) => {
        for (const order of orders) {
          const values = order.map((name) => own.indexOf(name));
          assert.deepEqual(
            arranged(many, values, order),
            own.map((_, index) => index),
          );
        }
      }),
    );
  });
});

describe('spaces and underscores are alike', () => {
  test('for a model that has underscores, and one that has spaces', () => {
    for (const own of [
      ['dealer_app_volume', 'age'],
      ['dealer app volume', 'age'],
    ]) {
      const names = new FeatureNames(own);
      assert.deepEqual(arranged(names, [1, 2], ['age', 'dealer app volume']), [2, 1]);
      assert.deepEqual(arranged(names, [1, 2], ['age', 'dealer_app_volume']), [2, 1]);
      assert.deepEqual(arranged(names, [1, 2], ['dealer app_volume', 'age']), [1, 2]);
    }
  });

  test('but not where a model tells them apart, nor twice', () => {
    const names = new FeatureNames(['a b', 'a_b', 'c']);
    assert.deepEqual(arranged(names, [1, 2, 3], ['a_b', 'a b', 'c']), [2, 1, 3]);
    const twice = arranged(new FeatureNames(['a_b', 'c']), [1, 2], ['a_b', 'a b']);
    assert(twice instanceof FeatureMismatch);
    assert.match(String(twice.options.detail), /missing "c"; repeated "a b"/);
  });
});

describe('a row is refused', () => {
  const names = new FeatureNames(model);
  const refusal = (features: readonly number[], featureNames?: readonly string[]) => {
    const result = arranged(names, features, featureNames);
    assert.ok(result instanceof FeatureMismatch);
    return { code: result.code, ...result.options };
  };

  test('with another number of features, in the words of the service it replaces', () => {
    assert.deepEqual(refusal([1, 2, 3]), {
      code: 'FEATURE_COUNT',
      detail: 'Expected 4 features',
      errors: [{ pointer: '/features', detail: 'Expected 4 features, got 3' }],
    });
    assert.equal(refusal([...row, 5], model).detail, 'Expected 4 features');
  });
  test('with an unknown and so a missing name', () => {
    assert.deepEqual(refusal(row, ['age', 'ltv', 'vin_reuse_flag', 'Column_3']), {
      code: 'FEATURE_NAMES',
      detail: 'Feature names do not match the model: unknown "ltv"; missing "ltv_ratio"',
      errors: [
        { pointer: '/feature_names/1', detail: '"ltv" is not a feature of the model' },
        { pointer: '/feature_names', detail: 'missing "ltv_ratio"' },
      ],
    });
  });
  test('with a repeated name', () => {
    assert.deepEqual(refusal(row, ['age', 'ltv_ratio', 'age', 'Column_3']), {
      code: 'FEATURE_NAMES',
      detail: 'Feature names do not match the model: missing "vin_reuse_flag"; repeated "age"',
      errors: [
        { pointer: '/feature_names', detail: 'missing "vin_reuse_flag"' },
        { pointer: '/feature_names/2', detail: '"age" is already at /feature_names/0' },
      ],
    });
  });
  test('with fewer or more names than features', () => {
    assert.equal(
      refusal(row, ['age']).detail,
      'Feature names do not match the model: missing "ltv_ratio", "vin_reuse_flag", "Column_3"',
    );
    assert.equal(refusal(row, [...model, 'extra']).detail, 'Feature names do not match the model: unknown "extra"');
  });
  test('with names that every object has', () => {
    assert.match(
      refusal(row, ['age', '__proto__', 'constructor', 'toString']).detail!,
      /unknown "__proto__", "constructor", "toString"/,
    );
  });
  test('naming at most five, each cut where it is long', () => {
    const { detail, errors } = refusal(
      row,
      Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(200)}`),
    );
    assert.match(detail!, /and 995 more/);
    assert.ok(detail!.length < 700 && errors!.length === 6);
  });
  test('as an item of a batch with its index', () => {
    const result = arranged(names, [1]);
    assert.ok(result instanceof FeatureMismatch);
    assert.deepEqual(result.inBatch(17).options, {
      detail: 'Item 17: Expected 4 features',
      errors: [{ pointer: '/17/features', detail: 'Expected 4 features, got 1' }],
    });
  });
});
