/** EXPLAIN: how a server ranks top features, and `?explain=`, which has the last word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from './support/golden.js';
import { ModelStore } from './support/model-store.js';
import { LINEAR_MODEL } from './support/model-text.js';
import { type ServerProcess, startServer } from './support/server.js';

const golden = readGolden();
const body = { features: golden.rows[0], request_id: 'one' };

/** Whether `/score` and `/score_batch` rank by SHAP; they must agree. */
async function ranksByShap(server: ServerProcess, query = ''): Promise<boolean> {
  const single = await server.score(body, `/score${query}`);
  assert.equal(single.status, 200, single.text);
  const batch = await server.score([body, body], `/score_batch${query}`);
  const [first, second] = batch.scoredBatch;
  assert.deepEqual(first.top_features, single.scored.top_features);
  assert.deepEqual(second.top_features, single.scored.top_features);
  assert.deepEqual(first.expected_value, single.scored.expected_value);
  return single.scored.expected_value !== undefined;
}

/** The default of the parameter `explain` in the OpenAPI document, by route. */
async function documentedDefaults(server: ServerProcess): Promise<unknown[]> {
  const {
    paths,
  }: { paths: Record<string, { post: { parameters: { name: string; schema: { default?: string } }[] } }> } = JSON.parse(
    (await server.request('/openapi.json')).text,
  );
  return ['/score', '/score_batch'].map(
    (path) => paths[path].post.parameters.find(({ name }) => name === 'explain')?.schema.default,
  );
}

test('by importance, unless a request asks for SHAP', async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  assert.equal(await ranksByShap(server), false);
  assert.equal(await ranksByShap(server, '?explain=importance'), false);
  assert.equal(await ranksByShap(server, '?explain=shap'), true);
  assert.deepEqual(await documentedDefaults(server), ['importance', 'importance']);
});

test('with EXPLAIN=shap by SHAP, unless a request asks for importance', async (t) => {
  const server = await startServer({ EXPLAIN: 'shap' });
  t.after(() => server.stop());
  assert.equal(await ranksByShap(server), true);
  assert.equal(await ranksByShap(server, '?top_k=5'), true);
  assert.equal(await ranksByShap(server, '?explain=shap'), true);
  assert.equal(await ranksByShap(server, '?explain=importance'), false);
  assert.equal(await ranksByShap(server, '?explain=importance&top_k=5'), false);
  assert.deepEqual(await documentedDefaults(server), ['shap', 'shap']);
});

test('both servers give the same answers to the same question', async (t) => {
  const [byDefault, asked] = await Promise.all([startServer({ EXPLAIN: 'shap' }), startServer()]);
  t.after(() => Promise.all([byDefault.stop(), asked.stop()]));
  for (const features of golden.rows.slice(0, 20)) {
    const [one, other] = await Promise.all([
      byDefault.score({ features }),
      asked.score({ features }, '/score?explain=shap'),
    ]);
    assert.deepEqual(one.scored.top_features, other.scored.top_features);
    assert.equal(one.scored.confidence_score, other.scored.confidence_score);
  }
});

test('a model without SHAP values: a warning at the start, and answers to whoever asks for importance', async (t) => {
  const store = await ModelStore.create();
  t.after(() => store.remove());
  await store.copy('v1.0.0', 'v2.0.0', (metadata) => ({ ...metadata, feature_names: ['a', 'b'] }));
  await store.edit('v2.0.0', () => LINEAR_MODEL);
  const server = await startServer({ MODEL_DIR: store.folder, MODEL_VERSION: 'v2.0.0', EXPLAIN: 'shap' });
  t.after(() => server.stop());
  assert.match((await server.event('explain_unsupported')).msg ?? '', /^EXPLAIN is shap, but v2\.0\.0 has no SHAP/);
  const features = [1, 2];
  const refused = await server.score({ features });
  assert.deepEqual([refused.status, refused.problem.type], [400, '/docs#explain-unsupported']);
  assert.equal((await server.score({ features }, '/score?explain=importance')).status, 200);
});
