/** Swaps under load on several acceptors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VersionedTraffic, scoresOf } from '../loadtest/swap/versioned-traffic.js';
import { startAdministered } from './support/administration.js';
import { readGolden } from './support/golden.js';
import { ACCEPTORS, SEVERAL, answersByAcceptor } from './support/several-acceptors.js';

const VERSIONS = ['v1.0.0', 'v1.1.0'] as const;
const golden = readGolden();
const bodies = golden.rows.slice(0, 100).map((features, i) => JSON.stringify({ features, request_id: `r${i}` }));

for (const scoring of ['pool', 'auto']) {
  test(`swaps under load on several acceptors lose no request, SCORING=${scoring}`, async (t) => {
    const { server, store, admin } = await startAdministered(t, { ...SEVERAL, SCORING: scoring });
    const scores: string[][] = [];
    for (const version of VERSIONS) {
      await admin('POST', `/models/${version}/activate`);
      scores.push(await scoresOf(server.url, bodies, version));
    }
    const traffic = new VersionedTraffic(
      server.port,
      bodies.map((body, i) => ({ body, scores: new Map(VERSIONS.map((version, v) => [version, scores[v][i]])) })),
    );
    // A loader runs at the lowest priority: more traffic would only keep it from its core.
    traffic.start(8);
    for (let i = 0; i < 12; i++) {
      const version = VERSIONS[i % 2];
      if (i % 6 === 0) {
        // Loaded anew, into memory that another version has left.
        await admin('DELETE', `/models/${version}`);
        await store.touch(version);
      }
      assert.equal((await admin('POST', `/models/${version}/activate`)).status, 200);
      const answers = await Promise.all(
        Array.from({ length: 2 * ACCEPTORS }, () =>
          server.request('/score', { body: { features: golden.rows[0] }, ownConnection: true }),
        ),
      );
      assert.deepEqual(
        [...new Set(answers.map(({ scored }) => scored.model_version))],
        [version],
        'at once, on every acceptor',
      );
    }
    const { answers, byVersion, wrong, complaints, dropped } = await traffic.stop();
    assert.deepEqual({ wrong, complaints, dropped }, { wrong: 0, complaints: [], dropped: 0 });
    assert(answers > 100 && byVersion.size === 2);
    assert((await answersByAcceptor(server)).every((count) => count > 5));
  });
}
