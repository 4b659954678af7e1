/** Behind nginx: with deploy/proxies/nginx.conf, and with nothing but `proxy_pass`. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe } from 'node:test';
import { type Need, testWith } from '../support/needs.js';
import { inParallel, readGolden } from '../support/golden.js';
import { ProxyClient } from '../support/proxy-client.js';
import { proxySuite } from '../support/proxy-suite.js';
import { ReverseProxy, nginxProgram } from '../support/reverse-proxy.js';
import { startServer } from '../support/server.js';

const NGINX: Need = () => (existsSync(nginxProgram()) ? undefined : 'nginx not found: apt-get install nginx-light');

const BARE = 'server { listen %LISTEN%; location / { proxy_pass http://127.0.0.1:%SERVER%; } }';
const { rows, calibrated } = readGolden();

proxySuite('nginx', { need: NGINX, gzip: 'proxy' });

describe('behind nginx with a bare proxy_pass', () => {
  testWith([NGINX], 'every request is answered, TRANSPORT=node', async (t) => {
    const server = await startServer({ TRANSPORT: 'node' });
    t.after(() => server.stop());
    const proxy = await ReverseProxy.start('nginx', [server.port], { site: BARE });
    t.after(() => proxy.stop());
    const client = new ProxyClient(proxy.port);
    t.after(() => client.close());
    await inParallel(400, 8, async (i) => {
      const answer = await client.post('/score', JSON.stringify({ features: rows[i] }), { chunked: i % 2 === 0 });
      assert.equal(answer.status, 200, answer.text);
      assert(Math.abs(answer.scored.confidence_score - calibrated[i]) <= 1e-12);
    });
  });
});
