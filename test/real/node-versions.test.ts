/** Every Node that is maintained today serves, with whichever transport loads on it. */
import assert from 'node:assert/strict';
import { program, testWith } from '../support/needs.js';
import { readGolden } from '../support/golden.js';
import { nodeFromNpm } from '../support/npm.js';
import { startServer } from '../support/server.js';

const VERSIONS = [22, 24, 26];
const { rows, calibrated } = readGolden();

for (const version of VERSIONS) {
  testWith(
    [program(['npm'], 'it comes with Node')],
    `Node ${version} serves, and says by which transport`,
    async () => {
      const node = nodeFromNpm(version);
      for (const transport of ['auto', 'node']) {
        const server = await startServer({ TRANSPORT: transport }, { node });
        const { transport: name, reason } = await server.event('transport');
        if (transport === 'node') assert.equal(name, 'node');
        else if (name === 'node') assert.match(String(reason), /uWebSockets\.js has no binary for Node \d+/);
        assert.equal(await server.metric('lightscore_transport_info', `{transport="${String(name)}"}`), 1);
        for (const [i, features] of rows.slice(0, 20).entries()) {
          const { scored } = await server.score({ features });
          assert(Math.abs(scored.confidence_score - calibrated[i]) <= 1e-12);
        }
        assert.equal((await server.terminate()).code, 0);
      }
    },
  );

  testWith(
    [program(['npm'], 'it comes with Node')],
    `Node ${version} serves with several acceptors on the node transport`,
    async () => {
      const server = await startServer(
        { TRANSPORT: 'node', ACCEPTORS: '2', WORKERS: '2' },
        { node: nodeFromNpm(version) },
      );
      const statuses = Array.from({ length: 40 }, async () => {
        const answer = await server.request('/score', {
          method: 'POST',
          body: { features: rows[0] },
          ownConnection: true,
        });
        return answer.status;
      });
      assert((await Promise.all(statuses)).every((status) => status === 200));
      const counts = [1, 2].map((acceptor) =>
        server.metric('lightscore_acceptor_requests_total', `{acceptor="${acceptor}"}`),
      );
      for (const count of await Promise.all(counts)) assert(count > 0, 'both acceptors answer');
      assert.equal((await server.terminate()).code, 0);
    },
  );
}
