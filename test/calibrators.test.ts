/** Every kind of calibrator, served, scored by the command line and by the library: all say the same. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadModel } from '../src/index.js';
import { runCli } from './support/cli-process.js';
import { close, readGolden } from './support/golden.js';
import { MODELS, startServer } from './support/server.js';

const golden = readGolden();
const rows = golden.rows.slice(0, 50);

/** A folder of versions with v1.0.0, whose calibrator is `calibrator`. */
function modelsWith(t: TestContext, calibrator: object, metadata: object = {}): string {
  const models = mkdtempSync(join(tmpdir(), 'lightscore-calibrator-'));
  t.after(() => rmSync(models, { recursive: true }));
  const version = join(models, 'v1.0.0');
  cpSync(join(MODELS, 'v1.0.0'), version, { recursive: true });
  rmSync(join(version, 'calibrator.pkl'));
  writeFileSync(join(version, 'calibrator.json'), JSON.stringify(calibrator));
  const file = join(version, 'metadata.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...metadata }));
  return models;
}

const line = { type: 'isotonic', dtype: 'float64', out_of_bounds: 'clip', x_thresholds: [-4, 3], y_thresholds: [0, 1] };
const interpolated = (raw: number): number => Math.min(1, Math.max(0, (1 / 7) * (raw + 4)));

for (const { what, calibrator, metadata, score } of [
  {
    what: 'a sigmoid of probabilities',
    calibrator: { type: 'sigmoid', a: -5.25, b: 2.5 },
    score: ({ probability }: { probability: number }) => 1 / (1 + Math.exp(-5.25 * probability + 2.5)),
  },
  {
    what: 'a sigmoid of raw scores',
    calibrator: { type: 'sigmoid', a: -1.1, b: 0.1, input: 'raw' },
    score: ({ raw }: { raw: number }) => 1 / (1 + Math.exp(-1.1 * raw + 0.1)),
  },
  {
    what: 'an isotonic calibrator of raw scores',
    calibrator: { ...line, input: 'raw' },
    score: ({ raw }: { raw: number }) => interpolated(raw),
  },
  {
    what: 'a calibrator of which metadata.json says that it is for raw scores',
    calibrator: line,
    metadata: { calibrator_input: 'raw' },
    score: ({ raw }: { raw: number }) => interpolated(raw),
  },
  {
    what: 'no calibrator',
    calibrator: { type: 'none' },
    score: ({ probability }: { probability: number }) => probability,
  },
]) {
  test(`${what}: server, command line and library agree`, async (t) => {
    const models = modelsWith(t, calibrator, metadata);
    const version = join(models, 'v1.0.0');
    const server = await startServer({ MODEL_DIR: models });
    t.after(() => server.stop());
    const { scoredBatch, status } = await server.score(
      rows.map((features) => ({ features })),
      '/score_batch',
    );
    assert.equal(status, 200);
    const { stdout } = await runCli(['score', '--model', version, '--rows', '-'], { input: JSON.stringify(rows) });
    const printed: number[] = JSON.parse(stdout);
    using model = await loadModel(version);
    const scored = model.score(rows);
    for (const [i, { confidence_score: served }] of scoredBatch.entries()) {
      const single = await server.score({ features: rows[i] });
      const expected = score({ raw: golden.raw_score[i], probability: golden.probability[i] });
      assert(close(served, expected), `${served}, expected ${expected}`);
      assert.equal(single.scored.confidence_score, served);
      assert.equal(printed[i], served);
      assert.equal(scored[i], served);
    }
    assert.equal(server.logs.filter(({ event }) => event === 'artifact_warning').length, 0);
  });
}

for (const [what, calibrator, sentence] of [
  ['thresholds outside of 0 to 1', line, /thresholds run from -4 to 3.*"calibrator_input": "raw" in metadata\.json/],
  [
    'scores that are no probabilities',
    { ...line, x_thresholds: [0, 1], y_thresholds: [-3, 7] },
    /it answers from -3 to 7: such scores are not probabilities/,
  ],
] as const) {
  test(`a calibrator with ${what} is warned of, by inspect and serve`, async (t) => {
    const models = modelsWith(t, calibrator);
    assert.match((await runCli(['inspect', join(models, 'v1.0.0')])).stdout, sentence);
    const server = await startServer({ MODEL_DIR: models });
    t.after(() => server.stop());
    assert.match(String((await server.event('artifact_warning'))['msg']), sentence);
  });
}
