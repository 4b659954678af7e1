/** Prometheus itself: the format of the metrics, the alert rules, and every panel of the dashboard under traffic. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { program, testWith } from '../support/needs.js';
import { readGolden } from '../support/golden.js';
import { Prometheus, RULES } from '../support/prometheus.js';
import { projectRoot } from '../support/project.js';
import { startServer } from '../support/server.js';
import { SEVERAL } from '../support/several-acceptors.js';

const PROMTOOL = program(['promtool'], 'apt-get install prometheus');
const PROMETHEUS = program(['prometheus'], 'apt-get install prometheus');
const golden = readGolden();
const KEY = 'adminkey-123456789';
const headers = { 'X-API-Key': KEY };
/** The range of the panels' rates, in which a scrape a second leaves samples enough. */
const RANGE = '5s';

/** What promtool says of gauges that prom-client names like counters; docs/reference/metrics.md lists them. */
const OF_PROM_CLIENT = /^nodejs_\w+_total non-counter metrics should not have "_total" suffix$/;

testWith([PROMTOOL], 'promtool finds nothing in the metrics but what prom-client prints', async (t) => {
  for (const setting of [{}, SEVERAL]) {
    const server = await startServer({ ...setting, ADMIN_API_KEYS: `ops:${KEY}` });
    t.after(() => server.stop());
    await server.score({ features: golden.rows[0] });
    const { text } = await server.request('/metrics');
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    const said = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
    const own = said.filter((line) => !OF_PROM_CLIENT.test(line));
    assert.deepEqual(own, []);
    const documented = readFileSync(join(projectRoot, 'docs/reference/metrics.md'), 'utf8');
    for (const line of said) assert(documented.includes(`\`${line.split(' ')[0]}\``), line);
  }
});

testWith([PROMTOOL], 'every alert rule fires and keeps quiet as its tests say', () => {
  const folder = join(projectRoot, 'deploy/prometheus');
  execFileSync('promtool', ['check', 'rules', RULES]);
  execFileSync('promtool', ['test', 'rules', join(folder, 'lightscore.rules.test.yaml')]);
  const rules = [...readFileSync(RULES, 'utf8').matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name);
  const tests = readFileSync(join(folder, 'lightscore.rules.test.yaml'), 'utf8');
  assert(rules.length > 20);
  // Each fires in one test, and is silent in another one: the first of all looks at ALERTS.
  for (const name of rules) assert.match(tests, new RegExp(`alertname: ${name}\\n +exp_alerts:`), name);
});

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

testWith(
  [PROMETHEUS],
  'every panel of the dashboard shows something while traffic runs, and no alert fires',
  async (t) => {
    const server = await startServer({ ADMIN_API_KEYS: `ops:${KEY}`, MODEL_VERSION: 'v1.0.0' });
    t.after(() => server.stop());
    const prometheus = await Prometheus.start(`127.0.0.1:${server.port}`);
    t.after(() => prometheus.stop());
    const call = async (method: string, path: string, body?: object): Promise<void> => {
      const { status, text } = await server.request(`/admin${path}`, { method, headers, ...(body && { body }) });
      assert.equal(status, 200, text);
    };
    await call('PUT', '/experiment', { version: 'v1.1.0', mode: 'shadow', share: 1 });
    let over = false;
    const traffic = (async () => {
      for (let i = 0; !over; i++) {
        await server.score({ features: golden.rows[i % golden.rows.length] });
        if (i % 10 === 0) await server.score({ features: [] });
      }
    })();
    t.after(() => (over = true));
    const dashboard = JSON.parse(
      readFileSync(join(projectRoot, 'deploy/grafana/lightscore.dashboard.json'), 'utf8'),
    ) as { readonly panels: readonly Panel[] };
    const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({
        title,
        expr: expr.replaceAll('$__rate_interval', RANGE).replaceAll(/\$(?:job|instance)\b/g, '.+'),
      })),
    );
    assert(expressions.length > 30);
    for (const { title, expr } of expressions) {
      let samples = await prometheus.query(expr);
      const until = performance.now() + 30_000;
      const isEmpty = (): boolean => samples.every(({ value }) => Number.isNaN(value));
      while (isEmpty() && performance.now() < until) samples = await prometheus.query(expr);
      assert(!isEmpty(), `${title}: ${expr}`);
    }
    const [requests] = await prometheus.query(`sum(rate(lightscore_http_requests_total{route="/score"}[${RANGE}]))`);
    assert(requests.value > 1);
    // Equal rows of one-row batches, and the event loop at work.
    const [batch] = await prometheus.query(
      `histogram_quantile(0.95, sum by (le) (rate(lightscore_batch_rows_bucket[${RANGE}])))`,
    );
    assert.equal(batch.value.toFixed(3), '1.000');
    assert.deepEqual(await prometheus.query('ALERTS{alertstate="firing"}'), []);
    over = true;
    await traffic;
  },
);
