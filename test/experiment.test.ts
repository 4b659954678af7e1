/** A/B tests and shadow challengers: assignment, change, promotion and end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { challengerAssignment } from '../src/registry/serving.js';
import { type VersionedBody, VersionedTraffic, scoresOf } from '../loadtest/swap/versioned-traffic.js';
import { startAdministered } from './support/administration.js';
import { readGolden } from './support/golden.js';

const rows = readGolden().rows.slice(0, 200);

test('the share of 100,000 keys is the requested one within one percentage point', () => {
  for (const share of [0, 0.01, 0.1, 0.5, 0.9, 1]) {
    for (const name of [
      (i: number) => `applicant-${i}`,
      (i: number) => String(i),
      (i: number) => `${(i * 2_654_435_761) % 2 ** 32}-é-${'x'.repeat(i % 40)}`,
    ]) {
      const isDrawn = challengerAssignment('v1.1.0', share);
      let drawn = 0;
      for (let i = 0; i < 100_000; i++) if (isDrawn(name(i))) drawn++;
      assert.ok(Math.abs(drawn / 100_000 - share) < 0.01, `${drawn} of 100000 keys like ${name(7)} at ${share}`);
    }
  }
});

test('a key is always assigned alike, stays as the share grows, and is reassigned for another challenger', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (key, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        assert.equal(challengerAssignment('v2', less)(key), challengerAssignment('v2', less)(key));
        if (challengerAssignment('v2', less)(key)) assert.ok(challengerAssignment('v2', more)(key));
        assert.ok(challengerAssignment('v2', 1)(key) && !challengerAssignment('v2', 0)(key));
      },
    ),
  );
  const [one, other] = [challengerAssignment('v2', 0.5), challengerAssignment('v3', 0.5)];
  const both = Array.from({ length: 20_000 }, (_, i) => `k${i}`).filter((key) => one(key) && other(key)).length;
  assert.ok(Math.abs(both / 20_000 - 0.25) < 0.02);
});

test('an A/B test assigns by header, else by request_id, batches row by row; abort and promotion end it', async (t) => {
  const { server, admin } = await startAdministered(t);
  const isDrawn = challengerAssignment('v1.1.0', 0.5);
  const expected = (key: string) => (isDrawn(key) ? 'v1.1.0' : 'v1.0.0');
  assert.equal(
    (await admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share: 0.5 })).json['challenger'],
    'v1.1.0',
  );
  for (let i = 0; i < 30; i++) {
    const body = { features: rows[i], request_id: `r${i}` };
    assert.equal((await server.score(body)).scored.model_version, expected(`r${i}`));
    assert.equal(
      (await server.score(body, '/score', { 'X-Experiment-Key': `k${i}` })).scored.model_version,
      expected(`k${i}`),
    );
  }
  const batch = rows.map((features, i) => ({ features, request_id: `r${i}` }));
  const answers = (await server.score(batch, '/score_batch')).scoredBatch;
  assert.deepEqual(
    answers.map(({ request_id, model_version }) => [request_id, model_version]),
    batch.map(({ request_id }) => [request_id, expected(request_id)]),
  );
  for (const [i, { confidence_score }] of answers.slice(0, 40).entries())
    assert.equal((await server.score(batch[i])).scored.confidence_score, confidence_score);
  const whole = (await server.score(batch, '/score_batch', { 'X-Experiment-Key': 'one-key' })).scoredBatch;
  assert.deepEqual([...new Set(whole.map(({ model_version }) => model_version))], [expected('one-key')]);
  const unnamed = (
    await server.score(
      rows.map((features) => ({ features })),
      '/score_batch',
    )
  ).scoredBatch;
  assert.equal(new Set(unnamed.map(({ model_version }) => model_version)).size, 2);
  assert.ok((await server.metric('predictions_total', '{model_version="v1.1.0",variant="challenger"}')) > 100);
  assert.equal(await server.metric('lightscore_experiment_share', '{challenger="v1.1.0",mode="ab"}'), 0.5);

  assert.equal((await admin('DELETE', '/experiment')).json['outcome'], 'ended');
  const after = (await server.score(batch, '/score_batch')).scoredBatch;
  assert.deepEqual([...new Set(after.map(({ model_version }) => model_version))], ['v1.0.0']);
  await admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share: 0.1 });
  assert.equal((await admin('POST', '/experiment/promote')).json['champion'], 'v1.1.0');
  assert.deepEqual((await admin('GET', '/experiment')).json, { experiment: null });
  assert.equal((await server.score(batch[0])).scored.model_version, 'v1.1.0');
});

test('a challenger in shadow mode scores every row, and no answer shows it', async (t) => {
  const { server, admin } = await startAdministered(t);
  const bodies = rows.map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));
  const champion = await scoresOf(server.url, bodies, 'v1.0.0');
  await admin('POST', '/models/v1.1.0/activate');
  const challenger = await scoresOf(server.url, bodies, 'v1.1.0');
  await admin('POST', '/models/v1.0.0/activate');
  await admin('PUT', '/experiment', { version: 'v1.1.0', mode: 'shadow', share: 1 });
  assert.deepEqual(await scoresOf(server.url, bodies, 'v1.0.0'), champion);
  const labels = '{model_version="v1.1.0",champion="v1.0.0"}';
  const count = async () =>
    (await server.metric('lightscore_shadow_score_difference_count', labels)) +
    (await server.metric('lightscore_shadow_dropped_total', labels));
  while ((await count()) < bodies.length) await server.request('/livez');
  assert.equal(await server.metric('lightscore_shadow_dropped_total', labels), 0);
  const difference = champion.reduce((sum, score, i) => sum + Number(challenger[i]) - Number(score), 0);
  assert.ok(Math.abs((await server.metric('lightscore_shadow_score_difference_sum', labels)) - difference) < 1e-9);
  assert.ok(
    Math.abs(
      (await server.metric('lightscore_shadow_confidence_score_sum', labels)) -
        challenger.reduce((sum, score) => sum + Number(score), 0),
    ) < 1e-9,
  );
  assert.ok(Number.isNaN(await server.metric('predictions_total', '{model_version="v1.1.0",variant="challenger"}')));
});

test('experiments start, change, end and are promoted under load without a lost or wrong answer', async (t) => {
  const { server, admin } = await startAdministered(t);
  const bodies = rows.map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));
  const champion = await scoresOf(server.url, bodies, 'v1.0.0');
  await admin('POST', '/models/v1.1.0/activate');
  const challenger = await scoresOf(server.url, bodies, 'v1.1.0');
  const versioned = bodies.map((body, i): VersionedBody => ({
    body,
    scores: new Map([
      ['v1.0.0', champion[i]],
      ['v1.1.0', challenger[i]],
    ]),
  }));
  const traffic = new VersionedTraffic(server.port, versioned);
  traffic.start(2);
  for (let round = 0; round < 4; round++) {
    const [now, next] = round % 2 === 0 ? ['v1.1.0', 'v1.0.0'] : ['v1.0.0', 'v1.1.0'];
    for (const [method, path, body] of [
      ['PUT', '/experiment', { version: next, mode: 'shadow', share: 1 }],
      ['PUT', '/experiment', { version: next, mode: 'ab', share: 0.5 }],
      ['DELETE', '/experiment', undefined],
      ['PUT', '/experiment', { version: next, mode: 'shadow', share: 0.5 }],
      ['POST', '/experiment/promote', undefined],
      ['DELETE', `/models/${now}`, undefined],
    ] as const) {
      const answer = await admin(method, path, body);
      assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    }
  }
  const { answers, byVersion, wrong, complaints, dropped } = await traffic.stop();
  assert.deepEqual({ wrong, complaints, dropped }, { wrong: 0, complaints: [], dropped: 0 });
  assert.ok(answers > 100 && byVersion.size === 2);
});

test('a version with its features in another order is served by name; one that needs others is refused', async (t) => {
  const { server, admin, store } = await startAdministered(t);
  await store.reorder('v1.1.0', 'v1.1.1', (names) => names.toReversed());
  await store.rename('v1.1.0', 'v1.2.0', (name) => (name === 'age' ? 'age_in_days' : name));
  const bodies = rows.slice(0, 50).map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));
  await admin('POST', '/models/v1.1.0/activate');
  const expected = await scoresOf(server.url, bodies, 'v1.1.0');
  await admin('POST', '/models/v1.0.0/activate');

  await admin('PUT', '/experiment', { version: 'v1.1.1', mode: 'ab', share: 1 });
  assert.deepEqual(await scoresOf(server.url, bodies, 'v1.1.1'), expected);
  const named = {
    features: rows[0].toReversed(),
    feature_names: (await store.featureNames('v1.0.0')).toReversed(),
    request_id: 'r0',
  };
  assert.equal(String((await server.score(named)).scored.confidence_score), expected[0]);
  await admin('POST', '/experiment/promote');
  assert.deepEqual(await scoresOf(server.url, bodies, 'v1.1.1'), expected);
  await admin('POST', '/models/v1.0.0/activate');

  const refused = await admin('PUT', '/experiment', { version: 'v1.2.0', mode: 'shadow', share: 1 });
  assert.equal(refused.status, 409);
  assert.match(refused.problem.detail, /v1\.2\.0 needs features that requests for v1\.0\.0 do not carry: age_in_days/);
  const swap = await admin('POST', '/models/v1.2.0/activate');
  assert.equal(swap.status, 409);
  assert.match(swap.problem.detail, /needs features that requests do not carry now: age_in_days/);
  assert.equal((await admin('POST', '/models/v1.2.0/activate?allow_feature_change=1')).status, 200);
  assert.equal(
    (await server.score({ features: rows[0], feature_names: await store.featureNames('v1.0.0') })).status,
    400,
  );
  assert.equal((await admin('POST', '/rollback')).status, 200);
  assert.equal(
    (await server.score({ features: rows[0], feature_names: await store.featureNames('v1.0.0') })).status,
    200,
  );
});

test('the environment starts an experiment; a challenger that cannot be loaded is left out', async (t) => {
  const { server } = await startAdministered(t, { CHALLENGER_VERSION: 'v1.1.0', CHALLENGER_SHARE: '1' });
  await server.log(({ event, audit }) => event === 'audit' && audit === 'experiment');
  assert.equal((await server.score({ features: rows[0] })).scored.model_version, 'v1.1.0');
  const other = await startAdministered(t, { CHALLENGER_VERSION: 'v9.9.9', CHALLENGER_MODE: 'shadow' });
  assert.match(
    String((await other.server.event('challenger_failed')).msg),
    /the challenger v9\.9\.9 could not be started: .*there is no version v9\.9\.9/,
  );
  assert.equal((await other.server.score({ features: rows[0] })).scored.model_version, 'v1.0.0');
});
