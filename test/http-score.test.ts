/** Answers of /score and /score_batch: their fields, top features, names, and the edges of double precision. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TopFeature } from '../src/contract/schemas.js';
import { close, readGolden } from './support/golden.js';
import { type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();
const names = golden.feature_names;
const complete = golden.rows.find((row) => row.every((value) => value !== null)) ?? [];
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

let server: ServerProcess;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

/** The seed's ranking: by |value x importance|, equal ones in the model's order of features. */
function rankedByImportance(row: readonly (number | null)[], count: number): TopFeature[] {
  return row
    .map((value, i) => ({
      feature_name: names[i],
      feature_value: value,
      importance: golden.split_importance[i],
      contribution: value === null ? 0 : Math.min(Math.abs(value * golden.split_importance[i]), Number.MAX_VALUE),
    }))
    .toSorted((a, b) => b.contribution - a.contribution)
    .slice(0, count);
}

test('an answer has the fields of the contract and no others', async () => {
  const { status, headers, json, scored } = await server.score({
    features: complete,
    feature_names: names,
    request_id: 'test-123',
  });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.deepEqual(Object.keys(json), [
    'confidence_score',
    'top_features',
    'model_version',
    'calibration_version',
    'inference_time_ms',
    'request_id',
  ]);
  assert.equal(scored.request_id, 'test-123');
  assert(Number.isInteger(scored.inference_time_ms) && scored.inference_time_ms >= 0);
  assert(scored.confidence_score >= 0 && scored.confidence_score <= 1);
  assert.deepEqual(scored.top_features, rankedByImportance(complete, 3));
});

test('the seed documents a row that is scored', async () => {
  const { status } = await server.score({
    features: [35, 1, 1, 0, 0, 0, 2, 0.3, 0, 1, 0.8, 1.2, 0.5, 0.0, 0],
    request_id: 'test-123',
  });
  assert.equal(status, 200);
});

test('top features follow |value x importance| for every golden row, however many are asked for', async () => {
  for (const topK of [1, 2, 3, 4, 15, 1000]) {
    const rows = golden.rows.slice(0, 100);
    const { scoredBatch } = await server.score(
      rows.map((features) => ({ features })),
      `/score_batch?top_k=${topK}`,
    );
    for (const [i, { top_features }] of scoredBatch.entries())
      assert.deepEqual(top_features, rankedByImportance(rows[i], topK), `row ${i}, top_k=${topK}`);
  }
});

test('a missing value is null in top_features and contributes 0', async () => {
  const row = complete.map((value, i) => (i % 2 === 0 ? null : value));
  for (const topK of [3, 15]) {
    const { scored } = await server.score({ features: row }, `/score?top_k=${topK}`);
    assert.deepEqual(scored.top_features, rankedByImportance(row, topK));
  }
  const missing = await server.score({ features: complete.map(() => null) });
  assert.equal(missing.status, 200);
  assert.deepEqual(
    missing.scored.top_features,
    rankedByImportance(
      complete.map(() => null),
      3,
    ),
  );
  const explained = await server.score({ features: complete.map(() => null) }, '/score?explain=shap&top_k=15');
  assert(explained.scored.top_features.every(({ feature_value }) => feature_value === null));
  assert(
    explained.scored.top_features.some(({ contribution }) => contribution !== 0),
    'a missing value has a SHAP value all the same',
  );
});

test('a product that overflows is clamped to the largest double', async () => {
  const row = complete.map((value, i) => (i === 7 ? -1e308 : i === 10 ? 1.7e308 : value));
  for (const topK of [3, 15]) {
    const { text, scored } = await server.score({ features: row }, `/score?top_k=${topK}`);
    assert.doesNotMatch(text, /Infinity|NaN/);
    assert.deepEqual(scored.top_features, rankedByImportance(row, topK));
    assert.deepEqual(
      scored.top_features.slice(0, 2).map(({ feature_name, contribution }) => [feature_name, contribution]),
      [
        [names[7], Number.MAX_VALUE],
        [names[10], Number.MAX_VALUE],
      ],
    );
  }
});

test('ties keep the order of the model', async () => {
  const zeros = complete.map(() => 0);
  for (const topK of [3, 15]) {
    const { scored } = await server.score({ features: zeros }, `/score?top_k=${topK}`);
    assert.deepEqual(
      scored.top_features.map(({ feature_name }) => feature_name),
      names.slice(0, topK),
    );
  }
});

test('the limits of double precision arrive and leave unharmed', async () => {
  const values = [
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    Number.MIN_VALUE,
    0.1 + 0.2,
    2 ** 53 + 2,
    -1e-35,
    1e21,
    1e-7,
    123_456_789.123_456_78,
  ];
  const row = complete.map((value, i) => values[i] ?? value);
  const { scored } = await server.score({ features: row }, '/score?top_k=15');
  for (const { feature_name, feature_value } of scored.top_features)
    assert(Object.is(feature_value, row[names.indexOf(feature_name)]), feature_name);
});

test('minus zero and zero score alike', async () => {
  const [zero, minusZero] = await Promise.all(
    ['0', '-0.0'].map((text) => server.score(`{"features":[${complete.map(() => text).join()}]}`)),
  );
  assert.equal(minusZero.status, 200);
  assert.equal(minusZero.scored.confidence_score, zero.scored.confidence_score);
});

test('feature_names in any order are matched by name', async () => {
  const { scored: straight } = await server.score({ features: complete });
  for (const order of [names.map((_, i) => names.length - 1 - i), names.map((_, i) => (i * 7 + 3) % names.length)]) {
    const request = {
      features: order.map((i) => complete[i]),
      feature_names: order.map((i) => names[i]),
      request_id: 'x',
    };
    const { status, scored } = await server.score(request);
    assert.equal(status, 200);
    assert.equal(scored.confidence_score, straight.confidence_score);
    assert.deepEqual(scored.top_features, straight.top_features);
  }
});

test('each item of a batch has its own order of features', async () => {
  const reversed = { features: complete.toReversed(), feature_names: names.toReversed() };
  const { scoredBatch } = await server.score(
    [{ features: complete }, reversed, { features: complete, feature_names: names }, reversed],
    '/score_batch',
  );
  assert.equal(
    new Set(scoredBatch.map(({ confidence_score, top_features }) => JSON.stringify([confidence_score, top_features])))
      .size,
    1,
  );
});

test('a request without an id gets one, each row its own', async () => {
  const { scoredBatch } = await server.score(
    [{ features: complete }, { features: complete }, { features: complete, request_id: 'mine' }],
    '/score_batch',
  );
  assert.match(scoredBatch[0].request_id, UUID);
  assert.match(scoredBatch[1].request_id, UUID);
  assert.notEqual(scoredBatch[0].request_id, scoredBatch[1].request_id);
  assert.equal(scoredBatch[2].request_id, 'mine');
});

test('a request_id comes back as it was, whatever is in it', async () => {
  const ids = [
    '',
    ' ',
    'é',
    '日本語',
    '😀',
    '"quoted"',
    'back\\slash',
    'new\nline\ttab',
    '\u0000',
    '\u2028\u2029',
    '</script>',
    '\uD800',
    '\uDFFFx',
    '\uFFFD',
    'x'.repeat(256),
    '😀'.repeat(128),
  ];
  for (const id of ids) {
    const { status, scored } = await server.score({ features: complete, request_id: id });
    assert.equal(status, 200, JSON.stringify(id));
    assert.equal(scored.request_id, id);
  }
  const escaped = await server.score(`{"features":[${complete.join()}],"request_id":"\\u00e9\\ud83d\\ude00\\/\\b"}`);
  assert.equal(escaped.scored.request_id, 'é😀/\b');
});

test('JSON in any form is read: white space, a charset, another +json type, no type at all', async () => {
  const { scored: expected } = await server.score({ features: complete, request_id: 'a' });
  const body = JSON.stringify({ features: complete, request_id: 'a' }, null, '\t\r\n ');
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    // JSON has no such parameter (RFC 8259), so it has no effect.
    'application/json; charset=utf-16',
    'APPLICATION/JSON',
    'application/vnd.api+json',
    undefined,
  ]) {
    const { status, text, scored } = await server.request('/score', {
      method: 'POST',
      body,
      headers: { 'Content-Type': type },
    });
    assert.equal(status, 200, `${type}: ${text}`);
    assert.equal(scored.confidence_score, expected.confidence_score);
  }
});

test('a batch holds one row or as many as a lane does not', async () => {
  for (const count of [1, 2, 255, 256, 257, 1000]) {
    const rows = Array.from({ length: count }, (_, i) => i % golden.rows.length);
    const { scoredBatch } = await server.score(
      rows.map((row) => ({ features: golden.rows[row], request_id: String(row) })),
      '/score_batch',
    );
    assert.equal(scoredBatch.length, count);
    for (const [i, { confidence_score, request_id }] of scoredBatch.entries()) {
      assert.equal(request_id, String(rows[i]));
      assert(close(confidence_score, golden.calibrated[rows[i]]));
    }
  }
});

test('scored and explained rows travel side by side and do not mix', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const shap = i % 3 === 0;
      return {
        row: i,
        shap,
        scored: (
          await server.score({ features: golden.rows[i], request_id: `r${i}` }, shap ? '/score?explain=shap' : '/score')
        ).scored,
      };
    }),
  );
  for (const { row, shap, scored } of answers) {
    assert.equal(scored.request_id, `r${row}`);
    assert.equal('expected_value' in scored, shap);
    assert(close(scored.confidence_score, golden.calibrated[row]));
  }
});

test('without top_k three features are explained, signed and the largest first', async () => {
  const { json, scored } = await server.score({ features: golden.rows[0] }, '/score?explain=shap');
  assert.deepEqual(Object.keys(json), [
    'confidence_score',
    'top_features',
    'model_version',
    'calibration_version',
    'inference_time_ms',
    'request_id',
    'expected_value',
  ]);
  assert.equal(scored.top_features.length, 3);
});
