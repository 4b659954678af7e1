/** The pages in a real browser, at both widths and in both schemes of colours: `/docs` and the two reports. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { writePage } from '../../loadtest/report/page.js';
import {
  CHROMIUM,
  type OpenPage,
  VIEWS,
  type View,
  coveredLabels,
  launchBrowser,
  openPage,
  scrollingParts,
  sidewaysScroll,
} from '../support/browser.js';
import { benchmarkRun } from '../support/benchmark-run.js';
import { testWith } from '../support/needs.js';
import { PrefixProxy } from '../support/prefix-proxy.js';
import { projectRoot } from '../support/project.js';
import { type Environment, startServer } from '../support/server.js';

const DEMO: Environment = { MODEL_DIR: join(projectRoot, 'models'), MODEL_VERSION: undefined };
const KEY = 'a-key-of-this-test-that-is-long-enough';

const viewName = ({ width, colorScheme }: View): string => `${width} px, ${colorScheme}`;

/** What must be true of every page, however wide its window is. */
async function assertInOrder({ page, complaints }: OpenPage, view: View): Promise<void> {
  assert.deepEqual(complaints, [], viewName(view));
  assert.equal(await sidewaysScroll(page), 0, `${viewName(view)}: the page as a whole scrolls sideways`);
  assert.deepEqual((await scrollingParts(page)).unmarked, [], viewName(view));
}

async function withBrowser(t: TestContext): Promise<Browser> {
  const browser = await launchBrowser();
  t.after(() => browser.close());
  return browser;
}

testWith([CHROMIUM], '/docs shows an answer when it opens, and the answer to what is sent', async (t) => {
  const browser = await withBrowser(t);
  const server = await startServer(DEMO);
  t.after(() => server.stop());
  for (const view of VIEWS) {
    const opened = await openPage(browser, view, server.url);
    const { page, requests } = opened;
    await page.goto(`${server.url}/docs`);
    const score = page.locator('.score');
    const first = Number(await score.textContent());
    assert.deepEqual(requests, ['GET /docs', 'GET /openapi.json', 'POST /score']);
    assert.match((await page.locator('#answer').textContent()) ?? '', /scored when the page was opened.*no reason/s);
    const { scored } = await server.score({ features: await fields(opened) });
    assert.equal(first, Number(scored.confidence_score.toFixed(4)));
    await assertInOrder(opened, view);

    await page.getByLabel('phone_reuse_count').fill('4');
    await page.getByLabel('Exact SHAP').check();
    await page.getByLabel('Top features').fill('5');
    await page.getByLabel('Top features').press('Enter');
    await page.getByText('Ranked by SHAP').waitFor();
    assert.equal(requests.at(-1), 'POST /score?explain=shap&top_k=5');
    const changed = await server.score({ features: await fields(opened) }, '/score?explain=shap&top_k=5');
    assert.equal(await score.textContent(), changed.scored.confidence_score.toFixed(4));
    assert.ok(Number(await score.textContent()) > first);
    const names = await page.locator('#answer tbody td:first-child').allTextContents();
    assert.deepEqual(
      names,
      changed.scored.top_features.map((feature) => feature.feature_name),
    );
    await assertInOrder(opened, view);
    await page.context().close();
  }
});

/** The values of the form, in the model's order. */
async function fields({ page }: OpenPage): Promise<(number | null)[]> {
  const inputs = await page.locator('.features input').all();
  const values = await Promise.all(inputs.map((input) => input.inputValue()));
  return values.map((value) => (value === '' ? null : Number(value)));
}

testWith([CHROMIUM], '/docs of a server with keys says that one is needed, and scores with it', async (t) => {
  const browser = await withBrowser(t);
  const server = await startServer({ ...DEMO, API_KEYS: `docs:${KEY}` });
  t.after(() => server.stop());
  const view = VIEWS[0];
  const opened = await openPage(browser, view, server.url);
  const { page, requests } = opened;
  await page.goto(`${server.url}/docs`);
  await page.locator('#answer').getByText('requires an API key').waitFor();
  assert.deepEqual(requests, ['GET /docs', 'GET /openapi.json'], 'nothing is scored without a key');
  await assertInOrder(opened, view);
  await page.getByLabel('API key').fill(KEY);
  await page.getByRole('button', { name: 'Score' }).click();
  await page.locator('.score').waitFor();
  const curl = (await page.getByLabel('curl command').textContent()) ?? '';
  assert.equal(curl.includes(KEY), false, 'the key is not shown');
  await assertInOrder(opened, view);
});

testWith([CHROMIUM], '/docs sends the parameters of a route: in its path, its query and its headers', async (t) => {
  const browser = await withBrowser(t);
  const server = await startServer({ ADMIN_API_KEYS: `docs:${KEY}` });
  t.after(() => server.stop());
  const view = VIEWS[0];
  const opened = await openPage(browser, view, server.url);
  const { page, requests } = opened;
  await page.goto(`${server.url}/docs`);
  await page.locator('.score').waitFor();
  await page.getByLabel('API key').fill(KEY);
  const route = page.locator('#routes details').filter({ hasText: '/admin/models/{version}/activate' });
  await route.locator('summary').click();
  const send = route.getByRole('button', { name: 'Send' });
  const asked = requests.length;
  await send.click();
  assert.equal(requests.length, asked, 'a path is not sent without its parameter');
  await route.getByLabel('version (path)').fill('v1.1.0');
  await route.getByLabel('allow_feature_change (query)').selectOption('1');
  await send.click();
  await route.getByText('200 OK').waitFor();
  assert.equal(requests.at(-1), 'POST /admin/models/v1.1.0/activate?allow_feature_change=1');
  const score = page.locator('#routes details').filter({ hasText: 'Score one row' });
  await score.locator('summary').click();
  await score.getByLabel('X-Experiment-Key (header)').fill('applicant-7');
  await score.getByRole('button', { name: 'Send' }).click();
  await score.getByText('200 OK').waitFor();
  assert.match((await score.getByLabel('curl command').textContent()) ?? '', /-H 'X-Experiment-Key: applicant-7'/);
  await assertInOrder(opened, view);
});

testWith([CHROMIUM], '/docs can be used with the keyboard alone', async (t) => {
  const browser = await withBrowser(t);
  const server = await startServer(DEMO);
  t.after(() => server.stop());
  const { page } = await openPage(browser, VIEWS[0], server.url);
  await page.goto(`${server.url}/docs`);
  await page.locator('.score').waitFor();
  const reached: string[] = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate<string>('document.activeElement.id || document.activeElement.textContent'));
  }
  for (const wanted of ['Skip to the form', 'feature-0', 'request-id', 'key', 'explain-importance', 'score-button'])
    assert.ok(reached.includes(wanted), `${wanted} is not among ${reached.join(', ')}`);
});

testWith([CHROMIUM], '/docs has an input for every parameter, and a plus sign arrives in a path', async (t) => {
  const browser = await withBrowser(t);
  const server = await startServer({ ADMIN_API_KEYS: `ops:${KEY}` });
  t.after(() => server.stop());
  const { paths } = (await server.request('/openapi.json')).json as {
    paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
  };
  for (const view of VIEWS) {
    const opened = await openPage(browser, view, server.url);
    const { page, requests } = opened;
    await page.goto(`${server.url}/docs`);
    await page.locator('.score').waitFor();
    await page.locator('#key').fill(KEY);
    for (const details of await page.locator('#routes details > summary').all()) await details.click();
    const overlapping =
      "[...document.querySelectorAll('summary > *')].filter((part) => part.scrollWidth > part.clientWidth)";
    assert.equal(
      await page.evaluate<number>(`${overlapping}.length`),
      0,
      `${viewName(view)}: a path covers its summary`,
    );
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { parameters = [] }] of Object.entries(methods).filter(([name]) => name !== 'head')) {
        const own = page.locator('#routes details').filter({
          has: page.locator('summary', {
            hasText: new RegExp(`^${method.toUpperCase()}${path.replaceAll(/[{}]/g, '.')}[A-Z]`),
          }),
        });
        assert.equal(await own.count(), 1, `${method} ${path}`);
        for (const { name, in: where } of parameters)
          assert.equal(await own.getByLabel(`${name} (${where})`).count(), 1, `${method} ${path} ${name}`);
      }
    }

    const load = page.locator('#routes details').filter({ hasText: '/admin/models/{version}/load' });
    await load.getByLabel('version (path)').fill('v9.9.9+build.7');
    await load.getByRole('button', { name: 'Send' }).click();
    await load.locator('pre').first().getByText('version-not-found').waitFor();
    assert.equal(requests.at(-1), 'POST /admin/models/v9.9.9%2Bbuild.7/load');
    assert.match((await load.locator('pre').first().textContent()) ?? '', /v9\.9\.9\+build\.7/);
    assert.equal(await sidewaysScroll(page), 0, viewName(view));
    await page.context().close();
  }
});

testWith([CHROMIUM], '/docs works behind a path prefix', async (t) => {
  const browser = await withBrowser(t);
  const proxy = await PrefixProxy.start('/ml');
  t.after(() => proxy.stop());
  const server = await startServer(DEMO);
  t.after(() => server.stop());
  proxy.forwardTo(server.port);
  const opened = await openPage(browser, VIEWS[0], new URL(proxy.url).origin);
  const { page, requests } = opened;
  await page.goto(`${proxy.url}/docs`);
  await page.locator('.score').waitFor();
  assert.deepEqual(requests, ['GET /ml/docs', 'GET /ml/openapi.json', 'POST /ml/score']);
  assert.match((await page.getByLabel('curl command').textContent()) ?? '', /\/ml\/score/);
  await assertInOrder(opened, VIEWS[0]);
});

const REPORTS: Readonly<Record<string, () => string>> = {
  'the training report': () => readFileSync(join(projectRoot, 'models/v1.0.0/report.html'), 'utf8'),
  'the benchmark report': () => writePage(benchmarkRun),
};

for (const [name, html] of Object.entries(REPORTS)) {
  testWith([CHROMIUM], `${name} has no label over another, and shows what scrolls`, async (t) => {
    const browser = await withBrowser(t);
    for (const view of VIEWS) {
      const opened = await openPage(browser, view);
      await opened.page.setContent(html());
      assert.ok((await opened.page.locator('svg').count()) > 3);
      assert.deepEqual(await coveredLabels(opened.page), [], viewName(view));
      await assertInOrder(opened, view);
      await opened.page.context().close();
    }
  });
}

testWith(
  [CHROMIUM],
  'a wide table of the benchmark report scrolls by itself at 500 px, and no header has three lines',
  async (t) => {
    const browser = await withBrowser(t);
    const opened = await openPage(browser, { width: 500, colorScheme: 'light' });
    await opened.page.setContent(writePage(benchmarkRun));
    assert.ok((await scrollingParts(opened.page)).all > 0);
    const lines = await opened.page.evaluate<number[]>(
      `[...document.querySelectorAll('th')].map((th) => {
      const range = document.createRange();
      range.selectNodeContents(th);
      return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
    })`,
    );
    assert.ok(lines.length > 20 && Math.max(...lines) === 2, String(lines));
  },
);
