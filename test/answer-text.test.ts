/** Compares answers and log lines that the kernel writes with those that the host writes: they must be identical. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { AnswerWriter } from '../src/protocols/score/answer.js';
import { PLAIN_QUERY } from '../src/contract/query.js';
import { Batch } from '../src/scoring/batcher.js';
import { ScoringPool } from '../src/scoring/pool.js';
import { PredictionLines } from '../src/telemetry/prediction-lines.js';
import { placeModel } from './support/scoring.js';
import { createScoringResources } from '../src/scoring/kernel.js';

const pool = new ScoringPool(1, createScoringResources());
const model = placeModel(pool, 'v1.0.0');
const writer = new AnswerWriter(model.card);
const features = model.card.featureNames.length;

test.after(() => pool.close());

/** A batch of one scored row that the kernel can answer. */
function scored(row: readonly number[], id: string): Batch {
  const lane = model.takeLane('score');
  assert(lane !== undefined);
  lane.rows.set(row);
  lane.setId(0, id);
  pool.kernels[model.strategy].score(model.image, lane.address, 0, 1);
  const batch = new Batch(model, lane);
  batch.count = 1;
  return batch;
}

const write = ({ lane }: Batch): void => pool.kernels.text.writeAnswers(model.image, model.text, lane.address, 0, 1);

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 1e-30, max: 1e30, noNaN: true }),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constant(NaN),
  fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 1000),
  fc
    .tuple(fc.integer({ min: -60, max: 60 }), fc.integer({ min: -9, max: 9 }))
    .map(([power, by]) => 2 ** power + by * 2 ** (power - 53)),
  fc.constantFrom(
    0,
    -0,
    0.1,
    1e21,
    1e20,
    123456789012345680000,
    1e-6,
    1e-7,
    1.5e-7,
    4294967295,
    4294967296,
    4294967296.5,
    2 ** 53,
    2 ** 60,
    1e22,
    1e23,
    9.5,
    5e-324,
    1.7976931348623157e308,
  ),
);
const id = fc.oneof(
  fc.uuid(),
  fc.string({ unit: fc.constantFrom(...Array.from('abcXYZ019 -_:./{}[],')), maxLength: 61 }),
);

test('answers of the kernel and of the host are equal, character for character', () => {
  let written = 0;
  fc.assert(
    fc.property(
      fc.array(number, { minLength: features, maxLength: features }),
      id,
      fc.oneof(fc.nat(9), fc.nat(5000)),
      (row, requestId, milliseconds) => {
        const batch = scored(row, requestId);
        write(batch);
        const answer = batch.lane.answer(0, milliseconds);
        assert.equal(batch.lane.idOf(0), requestId);
        const expected = writer.write(batch, 0, PLAIN_QUERY, JSON.stringify(requestId), milliseconds);
        if (answer !== undefined) {
          written++;
          assert.equal(Buffer.from(answer).toString(), expected);
        }
        model.releaseLane(batch.lane);
      },
    ),
    { numRuns: 5000 },
  );
  assert(written > 1000, `only ${written} were written`);
});

test('the kernel writes common values, and leaves unsupported ones and rows without an id to the host', () => {
  const common = Array.from(
    { length: features },
    (_, i) => [0, 1, 35, 0.4306502609109536, 1e-9, 123456.789, NaN, -2.5][i % 8],
  );
  const batch = scored(common, 'r');
  write(batch);
  assert.notEqual(batch.lane.answer(0, 0), undefined);
  batch.lane.rows[0] = 1e300;
  pool.kernels[model.strategy].score(model.image, batch.lane.address, 0, 1);
  write(batch);
  assert.equal(batch.lane.answer(0, 0), undefined);
  batch.lane.rows[0] = 35;
  batch.lane.calibrated[0] = NaN;
  write(batch);
  assert.equal(batch.lane.answer(0, 0), undefined);
  batch.lane.calibrated[0] = 0.5;
  write(batch);
  assert.notEqual(batch.lane.answer(0, 0), undefined);
  batch.lane.clearId(0);
  write(batch);
  assert.equal(batch.lane.answer(0, 0), undefined);
  model.releaseLane(batch.lane);
});

test('log lines of the kernel have the values of the answer, and each is complete up to the last that fits', () => {
  const lines = new PredictionLines(pool);
  const batch = scored(
    Array.from({ length: features }, () => 1),
    'row "7"'.replaceAll('"', "'"),
  );
  write(batch);
  lines.begin('{"request_id":', ',"timestamp":"now"}\n');
  let count = 0;
  while (!lines.isFull(batch)) lines.append(batch, 0, count++);
  assert(count > 250, `${count} lines`);
  const { length } = lines;
  const text = lines.take();
  assert.equal(text.length, length);
  assert.equal(lines.length, 0);
  const expected = Array.from(
    { length: count },
    (_, i) =>
      `{"request_id":"row '7'","confidence_score":${batch.lane.calibrated[0]},"inference_time_ms":${i},` +
      `"model_version":"v1.0.0","timestamp":"now"}\n`,
  );
  assert.equal(text, expected.join(''));
  model.releaseLane(batch.lane);
});
