/** Behind HAProxy: with deploy/proxies/haproxy.cfg, and with its own default check. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { program, testWith } from '../support/needs.js';
import { proxySuite } from '../support/proxy-suite.js';
import { ReverseProxy } from '../support/reverse-proxy.js';
import { startServer } from '../support/server.js';

const HAPROXY = program(['haproxy'], 'apt-get install haproxy');

/** The rows of the servers on the status page, which have been checked. */
async function checks(proxy: ReverseProxy): Promise<readonly string[]> {
  const text = await proxy.status('/;csv');
  return text.split('\n').filter((line) => line.startsWith('lightscore,lightscore-') && line.includes(',L'));
}

proxySuite('haproxy', {
  need: HAPROXY,
  gzip: 'servers',
  health: async (proxy) => (await checks(proxy)).map((line) => line.includes(',UP,') && line.includes(',L7OK,')),
});

const DEFAULT_CHECK = `defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend scoring
  bind 127.0.0.1:%LISTEN%
  default_backend lightscore
backend lightscore
  option httpchk GET /readyz
  server lightscore-1 127.0.0.1:%SERVER% check inter 100ms
`;

describe('behind HAProxy with its default check, which is HTTP/1.0', () => {
  for (const [transport, state, status] of [
    ['node', 'UP', /,UP,.*,L7OK,200,/],
    ['uws', 'DOWN', /,DOWN,.*,L7STS,505,/],
  ] as const) {
    testWith([HAPROXY], `the server is ${state}, TRANSPORT=${transport}`, async (t) => {
      const server = await startServer({ TRANSPORT: transport });
      t.after(() => server.stop());
      const proxy = await ReverseProxy.start('haproxy', [server.port], { site: DEFAULT_CHECK, until: 'listening' });
      t.after(() => proxy.stop());
      const end = Date.now() + 10_000;
      for (;;) {
        const [line = 'no check yet'] = await checks(proxy);
        if (status.test(line)) break;
        assert(Date.now() < end, line);
        await wait(50);
      }
    });
  }
});
