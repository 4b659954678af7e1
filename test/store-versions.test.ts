/** The names of versions: their form and their order. */
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVersionName, whyNoVersions } from '../src/store/version-name.js';
import { compareVersions } from '../src/store/versions.js';

test('versions are ordered as Semantic Versioning orders them', () => {
  const ascending = [
    'latest',
    'next',
    'v0.9',
    'v1.0.0-alpha',
    'v1.0.0-alpha.1',
    'v1.0.0-alpha.beta',
    'v1.0.0-beta',
    'v1.0.0-beta.2',
    'v1.0.0-beta.11',
    'v1.0.0-rc.1',
    'v1.0.0',
    '1.0.1',
    'v1.9.0',
    'v1.10.0-rc.2',
    'v1.10.0-rc.10',
    'v1.10.0',
    'v1.10.0.1',
    'v2',
    'v10.0.0',
    '20240115',
    'v99999999999999999999.1',
  ];
  assert.deepEqual(ascending.toReversed().toSorted(compareVersions), ascending);
});

for (const [lower, higher] of [
  ['v9', 'v10'],
  ['v1.0.0-rc9', 'v1.0.0-rc10'],
  ['release-2', 'release-10'],
  ['model_v2', 'model_v10'],
  ['2024-9-30', '2024-12-01'],
  ['v1.0.0+build.5', 'v1.0.0+build.40'],
  ['v1.0.0.bak', 'v1.0.0'],
  ['v1.0.0-old', 'v1.0.0'],
  ['backup', 'v1.0.0'],
] as const) {
  test(`${lower} comes before ${higher}`, () => {
    assert(compareVersions(lower, higher) < 0 && compareVersions(higher, lower) > 0);
  });
}

test('the order of versions is total, whatever the names', () => {
  const part = fc.oneof(fc.nat(20).map(String), fc.constantFrom('rc', 'rc9', 'rc10', 'alpha', '01', '0', 'a01', 'a1'));
  const version = fc
    .tuple(fc.constantFrom('', 'v'), fc.array(part, { minLength: 1, maxLength: 4 }), fc.array(part, { maxLength: 3 }))
    .map(
      ([v, numbers, prerelease]) =>
        `${v}${numbers.join('.')}${prerelease.length > 0 ? `-${prerelease.join('.')}` : ''}`,
    );
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0);
      assert.equal(compareVersions(a, b) === 0, a === b);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert(compareVersions(a, c) <= 0);
    }),
    { numRuns: 2000 },
  );
});

test('a name that could lead out of the folder of versions is not a version', () => {
  for (const name of ['v1.0.0', '1', 'V2-rc.1+build_5', 'fraud-2024.01.15']) assert(isVersionName(name), name);
  const refused = ['', '.', '..', '.hidden', '-v1', 'a/b', 'a\\b', 'a\0', 'v1\n', 'é', 'a b', `v${'1'.repeat(128)}`];
  for (const name of refused) assert(!isVersionName(name), name);
});

test('what explains that there are no versions is said', () => {
  assert.match(String(whyNoVersions(['metadata.json'], [])), /^it looks like a version itself: name the folder above/);
  assert.match(String(whyNoVersions(['model.bst', 'model-settings.json'], [])), /^it looks like a version itself/);
  assert.match(
    String(whyNoVersions([], ['version=3', '.hidden', 'v 1'])),
    /^"version=3", "\.hidden", "v 1" cannot be one: a name is letters, digits and \._\+- after a letter or digit$/,
  );
  assert.equal(whyNoVersions(['a.txt', 'b.txt'], []), 'a.txt, b.txt could each be the model: name one of them');
  assert.equal(whyNoVersions(['README.md', 'requirements.txt'], []), undefined);
});
