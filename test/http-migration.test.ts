/** What clients of the Python service send: Lightscore's answers, and the migration guide's list of the differences. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readGolden } from './support/golden.js';
import { projectRoot } from './support/project.js';
import { holdAnswer, readRecordedBodies } from './support/python-service-bodies.js';
import { type ServerProcess, startServer } from './support/server.js';
import { onBothTransports } from './support/transports.js';

const bodies = readRecordedBodies();
const row = readGolden().rows[0];

onBothTransports('clients of the Python service', (transport) => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer({ TRANSPORT: transport });
  });
  after(() => server.stop());

  for (const body of bodies) test(`${body.path}: ${body.name}`, () => holdAnswer(server.url, body, body.lightscore));

  test('booleans are answered as the numbers that they are', async () => {
    const { scored } = await server.score(`{"features":[true,${row.slice(1).join()}]}`, '/score?top_k=15');
    assert.equal(scored.top_features.find(({ feature_name }) => feature_name === 'age')?.feature_value, 1);
  });

  test('NaN is answered as null is', async () => {
    const ask = async (value: string) => {
      const { scored } = await server.score(`{"features":[${value},${row.slice(1).join()}],"request_id":"a"}`);
      return { ...scored, inference_time_ms: 0 };
    };
    assert.deepEqual(await ask('NaN'), await ask('null'));
  });

  test('optional fields that are null are as if absent', async () => {
    const body = { features: row, feature_names: null, request_id: null };
    const own = await server.score(body, '/score', { 'X-Request-ID': 'from-the-header' });
    assert.equal(own.scored.request_id, 'from-the-header');
    const { scoredBatch } = await server.score([body, body], '/score_batch?explain=shap');
    for (const { request_id } of scoredBatch) assert.match(request_id, /^[0-9a-f-]{36}$/);
  });

  test('other requests are answered while a large body of NaN is refused', async () => {
    const body = `{"features":[${'NaN,'.repeat(10 ** 6)}NaN]}`;
    const [refused, live] = await Promise.all([server.score(body), server.request('/livez')]);
    assert.equal(refused.status, 400);
    assert.match(refused.problem.detail, /100000 items/);
    assert.equal(live.status, 200);
  });
});

describe('the differences that the migration guide lists', () => {
  const guide = readFileSync(join(projectRoot, 'docs/guides/migrate-from-python.md'), 'utf8');
  const [, section] = /^## Differences from the Python service$(.*?)^## /ms.exec(guide) ?? [];
  const words = (section ?? '').replaceAll(/\s+/g, ' ');

  for (const { name, python, lightscore, difference } of bodies) {
    const { pointer: _, ...answered } = lightscore;
    const isSame = JSON.stringify(python) === JSON.stringify(answered);
    test(`${name}: ${isSame ? 'none' : String(difference)}`, () => {
      if (isSame) assert.equal(difference, undefined);
      else assert(difference !== undefined && words.includes(difference), `the guide says nothing of ${difference}`);
    });
  }
});
