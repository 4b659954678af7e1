/**
 * Checks changes of models under load: `node dist/loadtest/swap.js [CHECK...]`. The checks are exactness, latency,
 * memory and shares; without arguments all of them run. Prints one line for each figure and exits with 1 if a bound is
 * broken. The latency check needs an otherwise idle machine.
 */
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { exampleRows } from './traffic/demo-model.js';
import { place } from './load/affinity.js';
import { LatencyHistogram } from './load/latency-histogram.js';
import { LoadGenerator, assertAllRight, type CheckedRequest } from './load/load.js';
import { ModelStore } from '../test/support/model-store.js';
import { type ServerProcess, startServer } from '../test/support/server.js';
import { type VersionedBody, VersionedTraffic, scoresOf } from './swap/versioned-traffic.js';

const CONNECTIONS = 64;
const BODIES = 512;
const SWAPS = 50;
const VERSIONS = ['v1.0.0', 'v1.1.0'] as const;
const ADMIN = { 'X-API-Key': 'an-admin-key-of-the-load-test' };
const POLL_SECONDS = 0.2;

let broken = 0;

function report(what: string, { figures, ok }: { readonly figures: string; readonly ok: boolean }): void {
  if (!ok) broken++;
  process.stdout.write(`${ok ? 'ok    ' : 'BROKEN'} ${what}: ${figures}\n`);
}

const bodies = exampleRows()
  .slice(0, BODIES)
  .map((features, i) => JSON.stringify({ features, request_id: `row-${i}` }));

async function serverOn(store: ModelStore, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  return startServer(
    {
      MODEL_DIR: store.folder,
      MODEL_VERSION: undefined,
      ADMIN_API_KEYS: `loadtest:${ADMIN['X-API-Key']}`,
      PREDICTION_LOG_SAMPLE: '0',
      ...env,
    },
    { pauseLogs: false },
  );
}

async function admin(
  server: ServerProcess,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly detail: string }> {
  const answer = await server.request(`/admin${path}`, { method, headers: ADMIN, ...(body !== undefined && { body }) });
  return { status: answer.status, detail: answer.text };
}

/** Returns the bodies with the scores of every version, each of which is activated in turn. */
async function versionedBodies(server: ServerProcess): Promise<VersionedBody[]> {
  const scores = new Map<string, string[]>();
  for (const version of VERSIONS) {
    await admin(server, 'POST', `/models/${version}/activate`);
    scores.set(version, await scoresOf(server.url, bodies, version));
  }
  return bodies.map((body, i) => ({
    body,
    scores: new Map(VERSIONS.map((version) => [version, scores.get(version)?.[i] ?? ''])),
  }));
}

type Signal = 'sighup' | 'http' | 'polling';

/** Makes the server load `version` from the store and serve it, and waits until it does. */
async function swapBy(signal: Signal, server: ServerProcess, store: ModelStore, version: string): Promise<void> {
  await store.touch(version);
  if (signal === 'http') {
    await admin(server, 'DELETE', `/models/${version}`);
    const { status, detail } = await admin(server, 'POST', `/models/${version}/activate`);
    if (status !== 200) throw new Error(`activating ${version}: ${detail}`);
    return;
  }
  await store.point(version);
  if (signal === 'sighup') server.signal('SIGHUP');
  while ((await server.request('/healthz')).json['model_version'] !== version) await delay(5);
}

/** Swaps models 50 times by each signal, under the full load of 64 connections. */
async function exactness(): Promise<void> {
  const store = await ModelStore.create();
  for (const signal of ['sighup', 'http', 'polling'] as const) {
    await store.point('v1.0.0');
    const server = await serverOn(store, signal === 'polling' ? { MODEL_POLL_SECONDS: String(POLL_SECONDS) } : {});
    const versioned = await versionedBodies(server);
    await swapBy('http', server, store, 'v1.0.0');
    const differing = versioned.filter(({ scores }) => new Set(scores.values()).size > 1).length;
    const traffic = new VersionedTraffic(server.port, versioned);
    const started = performance.now();
    traffic.start(CONNECTIONS);
    for (let i = 0; i < SWAPS; i++) await swapBy(signal, server, store, VERSIONS[(i + 1) % 2]);
    const { answers, byVersion, wrong, complaints, dropped } = await traffic.stop();
    const seconds = (performance.now() - started) / 1000;
    const loads = await server.metric('lightscore_model_loads_total', '{outcome="loaded"}');
    const counts = [...byVersion].map(([version, count]) => `${version} ${count}`).join(', ');
    report(`${SWAPS} swaps by ${signal}`, {
      figures:
        `${answers} answers (${Math.round(answers / seconds)}/s; ${counts}), ${wrong} wrong, ${dropped} dropped; ` +
        `${loads} loads; ${differing} of ${BODIES} bodies have different scores by version`,
      ok: wrong === 0 && dropped === 0 && byVersion.size === 2,
    });
    for (const complaint of complaints) process.stdout.write(`       ${complaint}\n`);
    await server.terminate();
  }
  await store.remove();
}

const anyAnswer = (body: string): CheckedRequest => ({ body, begins: '{"confidence_score":', ends: '}' });

interface Measured {
  readonly latencies: LatencyHistogram;
  readonly perSecond: number;
  /** CPU that other processes of this machine used during the measurement, in cores. */
  readonly foreignCpu: number;
}

const TICKS_PER_SECOND = 100;

/** Returns the seconds of CPU that all processes have used, and that server and generator have used. */
function cpuSeconds(server: ServerProcess): { readonly all: number; readonly own: number } {
  const [user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .split(/ +/)
    .slice(1)
    .map(Number);
  const [userTicks, systemTicks] = readFileSync(`/proc/${server.pid}/stat`, 'utf8')
    .split(') ')[1]
    .split(' ')
    .slice(11, 13)
    .map(Number);
  const self = process.cpuUsage();
  return {
    all: (user + nice + system + irq + softIrq) / TICKS_PER_SECOND,
    own: (userTicks + systemTicks) / TICKS_PER_SECOND + (self.user + self.system) / 1e6,
  };
}

interface Load {
  readonly seconds: number;
  /** Requests a second; by default as many as are answered. */
  readonly rate?: number;
  /** Runs again and again during the load. */
  readonly change?: () => Promise<void>;
}

async function measure(
  server: ServerProcess,
  generator: LoadGenerator,
  { seconds, rate, change }: Load,
): Promise<Measured> {
  let over = false;
  const changing = (async () => {
    while (change !== undefined && !over) {
      await change();
      await delay(SWAP_PAUSE_MS);
    }
  })();
  const before = cpuSeconds(server);
  const started = performance.now();
  const result = await generator.run({
    port: server.port,
    path: '/score',
    requests: bodies.map(anyAnswer),
    connections: CONNECTIONS,
    warmupSeconds: 1,
    seconds,
    ...(rate !== undefined && { rate }),
  });
  const after = cpuSeconds(server);
  const foreignSeconds = after.all - before.all - (after.own - before.own);
  const foreignCpu = foreignSeconds / ((performance.now() - started) / 1000);
  over = true;
  await changing;
  assertAllRight(result, 'fixed rate');
  return { latencies: result.latencies, perSecond: result.requests / result.seconds, foreignCpu };
}

const quantiles = (latencies: LatencyHistogram): string =>
  [0.5, 0.99, 0.999].map((share) => `p${share * 100} ${latencies.quantile(share).toFixed(2)}`).join(', ');

/** Pause between two swaps. */
const SWAP_PAUSE_MS = 250;
const ROUND_SECONDS = 5;
const ROUNDS = 4;
const MAX_ROUNDS = 40;
/** In cores; a round in which other processes used more CPU is discarded. */
const MAX_FOREIGN_CPU = 0.1;

interface Comparison {
  readonly plain: LatencyHistogram;
  readonly other: LatencyHistogram;
  readonly rounds: readonly [number, number];
  readonly disturbed: number;
}

/** Runs rounds of `plain` and `other` in turn, until enough of them are undisturbed by other processes. */
async function compare({ plain, other }: Record<'plain' | 'other', () => Promise<Measured>>): Promise<Comparison> {
  const kept = [new LatencyHistogram(), new LatencyHistogram()] as const;
  const rounds: [number, number] = [0, 0];
  let disturbed = 0;
  for (let i = 0; i < MAX_ROUNDS && Math.min(...rounds) < ROUNDS; i++) {
    const which = i % 2 === 0 ? 0 : 1;
    const { latencies, foreignCpu } = await (which === 0 ? plain : other)();
    if (foreignCpu > MAX_FOREIGN_CPU) disturbed++;
    else {
      kept[which].add(latencies);
      rounds[which]++;
    }
  }
  return { plain: kept[0], other: kept[1], rounds, disturbed };
}

const describeRounds = ({ rounds, disturbed }: Comparison): string =>
  `${rounds.join(' and ')} rounds of ${ROUND_SECONDS} s, ${disturbed} disturbed by other processes left out`;

/** Compares latencies at half of the maximum rate: with swaps and without, then with a shadow and without. */
async function latency(): Promise<void> {
  const store = await ModelStore.create();
  await store.point('v1.0.0');
  const server = await serverOn(store);
  place(server.pid, 'serving');
  const generator = new LoadGenerator();
  let fastest = 0;
  for (let i = 0; i < 3; i++) fastest = Math.max(fastest, (await measure(server, generator, { seconds: 3 })).perSecond);
  const rate = Math.round(fastest / 2);
  const load = { seconds: ROUND_SECONDS, rate };
  let swaps = 0;
  const change = (): Promise<void> => swapBy('http', server, store, VERSIONS[(1 + swaps++) % 2]);
  const swapping = await compare({
    plain: () => measure(server, generator, load),
    other: () => measure(server, generator, { ...load, change }),
  });
  const ratio = swapping.other.quantile(0.999) / swapping.plain.quantile(0.999);
  report(`p99.9 at ${rate}/s (half of ${Math.round(fastest)}) with ${swaps} swaps over without`, {
    figures:
      `${ratio.toFixed(2)} (bound 1.5); ms without: ${quantiles(swapping.plain)}; ` +
      `with: ${quantiles(swapping.other)}; ${describeRounds(swapping)}`,
    ok: ratio <= 1.5,
  });

  await admin(server, 'POST', '/models/v1.1.0/load');
  await admin(server, 'POST', '/models/v1.0.0/activate');
  const shadowed = await compare({
    plain: () => measure(server, generator, load),
    other: async () => {
      await admin(server, 'PUT', '/experiment', { version: 'v1.1.0', mode: 'shadow', share: 1 });
      const measured = await measure(server, generator, load);
      await admin(server, 'DELETE', '/experiment');
      return measured;
    },
  });
  const labels = '{model_version="v1.1.0",champion="v1.0.0"}';
  const compared = await server.metric('lightscore_shadow_score_difference_count', labels);
  const dropped = await server.metric('lightscore_shadow_dropped_total', labels);
  const times = (share: number): number => shadowed.other.quantile(share) / shadowed.plain.quantile(share);
  report(`shadow at ${rate}/s`, {
    figures:
      `p50 ${times(0.5).toFixed(2)}, p99 ${times(0.99).toFixed(2)} times without (bounds 1.2 and 1.5); ` +
      `ms without: ${quantiles(shadowed.plain)}; with: ${quantiles(shadowed.other)}; ` +
      `${compared} rows compared, ${dropped} dropped; ${describeRounds(shadowed)}`,
    ok: times(0.5) <= 1.2 && times(0.99) <= 1.5,
  });
  await generator.close();
  await server.terminate();
  await store.remove();
}

interface Footprint {
  readonly residentMiB: number;
  readonly threads: number;
  readonly descriptors: number;
  readonly sharedMiB: number;
}

async function footprint(server: ServerProcess): Promise<Footprint> {
  const pages = Number(readFileSync(`/proc/${server.pid}/statm`, 'utf8').split(' ')[1]);
  return {
    residentMiB: Math.round((pages * 4096) / 2 ** 20),
    threads: readdirSync(`/proc/${server.pid}/task`).length,
    descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
    sharedMiB: Math.round((await server.metric('lightscore_shared_memory_bytes', '{kind="total"}')) / 2 ** 20),
  };
}

/** Swaps models 2,000 times, each time with a load from the store, under light traffic. */
async function memory(): Promise<void> {
  const swaps = 2000;
  const store = await ModelStore.create();
  await store.point('v1.0.0');
  const server = await serverOn(store);
  const versioned = await versionedBodies(server);
  const traffic = new VersionedTraffic(server.port, versioned);
  traffic.start(2);
  const points: [number, Footprint][] = [];
  for (let i = 0; i <= swaps; i++) {
    await swapBy('http', server, store, VERSIONS[i % 2]);
    if (i % 250 === 0) points.push([i, await footprint(server)]);
  }
  const { wrong, dropped, answers } = await traffic.stop();
  for (const [i, { residentMiB, threads, descriptors, sharedMiB }] of points)
    process.stdout.write(
      `       after ${i} swaps: ${residentMiB} MiB resident (${sharedMiB} shared), ` +
        `${threads} threads, ${descriptors} descriptors\n`,
    );
  const [, settled] = points[1];
  const [, last] = points[points.length - 1];
  const grown = last.residentMiB - settled.residentMiB;
  const threads = last.threads - settled.threads;
  const descriptors = last.descriptors - settled.descriptors;
  const bounded = grown <= 32 && threads <= 1 && descriptors <= 2 && last.sharedMiB - settled.sharedMiB <= 2;
  report(`${swaps} swaps`, {
    figures:
      `${grown} MiB, ${threads} threads, ${descriptors} descriptors more than after 250; ` +
      `${answers} answers, ${wrong} wrong, ${dropped} dropped`,
    ok: bounded && wrong === 0 && dropped === 0,
  });
  await server.terminate();
  await store.remove();
}

/** Scores 100,000 keys twice, and checks the challenger's share and that each key keeps its version. */
async function shares(): Promise<void> {
  const keys = 100_000;
  const store = await ModelStore.create();
  await store.point('v1.0.0');
  const server = await serverOn(store);
  const rows = exampleRows();
  for (const share of [0.05, 0.5]) {
    await admin(server, 'PUT', '/experiment', { version: 'v1.1.0', mode: 'ab', share });
    const answers: string[] = [];
    for (let pass = 0; pass < 2; pass++) {
      for (let start = 0; start < keys; start += 5000) {
        const batch = Array.from({ length: 5000 }, (_, i) => ({
          features: rows[(start + i) % rows.length],
          request_id: `applicant-${start + i}`,
        }));
        const answer = await server.score(batch, '/score_batch');
        answers.push(...answer.scoredBatch.map(({ model_version }) => model_version));
      }
    }
    const challenger = answers.slice(0, keys).filter((version) => version === 'v1.1.0').length;
    const moved = answers.slice(0, keys).filter((version, i) => version !== answers[keys + i]).length;
    report(`A/B at ${share}`, {
      figures:
        `${((100 * challenger) / keys).toFixed(2)}% of ${keys} keys to the challenger, ` +
        `${moved} keys answered by another version the second time`,
      ok: Math.abs(challenger / keys - share) <= 0.01 && moved === 0,
    });
  }
  await server.terminate();
  await store.remove();
}

const CHECKS = { exactness, latency, memory, shares };
type Check = keyof typeof CHECKS;
const isCheck = (name: string): name is Check => Object.hasOwn(CHECKS, name);

const names = process.argv.slice(2);
const unknown = names.filter((name) => !isCheck(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no check ${unknown.join(', ')}; the checks are ${Object.keys(CHECKS).join(', ')}\n`);
  process.exit(2);
}
for (const name of names.length === 0 ? Object.keys(CHECKS) : names) if (isCheck(name)) await CHECKS[name]();
if (!process.stdout.write('')) await once(process.stdout, 'drain');
process.exit(broken === 0 ? 0 : 1);
