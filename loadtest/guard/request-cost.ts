/** CPU of a `/score` request on this commit and on another. */
import { type AlternatingResult, type CheckedRequest, LoadGenerator, assertAllRight } from '../load/load.js';
import type { Effort, Progress } from '../sections/run.js';
import { type Checkout, type ServerProcess, startCheckout } from '../servers/process.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles } from '../traffic/checked.js';
import { MODEL_FOLDER, MODEL_VERSION, loadDemoModel } from '../traffic/demo-model.js';
import { withProxiedHeaders } from '../traffic/headers.js';
import { type Pair, intervalWidth } from './paired.js';

export const CONNECTIONS = 64;
/** Fewer do not give a 95% interval. */
export const MIN_PAIRS = 6;
export const MAX_PAIRS = 25;
/** Pairs are added until no interval is wider. */
export const INTERVAL_WIDTH = 0.03;
/**
 * For which one server is loaded before the other has its turn. The speed of a shared machine changes within tenths of
 * a second: what is longer measures the machine.
 */
export const SLICE_SECONDS = 0.05;
/** For new processes, besides the warm-up before each measurement: V8 compiles the most in it. */
const COMPILING_SECONDS = 1;
/** Different bodies: enough that neither branches nor caches learn them. */
const BODIES = 512;
const SEED = 1;

export const HEADER_SETS = ['plain', 'proxied'] as const;
export type HeaderSet = (typeof HEADER_SETS)[number];

/** CPU microseconds a request, a list of pairs for each set of headers. */
export type RequestCosts = Readonly<Record<HeaderSet, readonly Pair[]>>;

/** The requests of each set, with the answers that one commit must give. */
type Requests = Readonly<Record<HeaderSet, readonly CheckedRequest[]>>;

/** What pairs share. */
interface Sitting {
  readonly generator: LoadGenerator;
  readonly checkouts: readonly [own: Checkout, other: Checkout];
  readonly requests: readonly [own: Requests, other: Requests];
  readonly effort: Effort;
}

/**
 * Each pair has two new server processes, since two processes of one program differ too. Both are up; the generator
 * loads them in turn.
 * @throws Error where an answer is wrong
 */
export async function measureRequestCosts(
  own: Checkout,
  other: Checkout,
  effort: Effort,
  progress: Progress,
): Promise<RequestCosts> {
  const requests = [await checkedRequests(own), await checkedRequests(other)] as const;
  const generator = new LoadGenerator();
  const sitting: Sitting = { generator, checkouts: [own, other], requests, effort };
  const costs: Record<HeaderSet, Pair[]> = { plain: [], proxied: [] };
  try {
    const widest = (): number => Math.max(...HEADER_SETS.map((set) => intervalWidth(costs[set])));
    for (let pair = 0; pair < MAX_PAIRS && (pair < MIN_PAIRS || widest() > INTERVAL_WIDTH); pair++) {
      const measured = await measurePair(sitting, pair % 2 === 1);
      for (const set of HEADER_SETS) costs[set].push(measured[set]);
      progress(`cost: pair ${pair + 1}: ${HEADER_SETS.map((set) => describe(set, costs[set])).join('; ')}`);
    }
  } finally {
    await generator.close();
  }
  return costs;
}

function describe(set: HeaderSet, pairs: readonly Pair[]): string {
  const [{ own, other }] = pairs.slice(-1);
  const width = intervalWidth(pairs);
  const known = Number.isFinite(width) ? `, interval ${(100 * width).toFixed(1)}% wide` : '';
  return `${set} ${own.toFixed(2)} over ${other.toFixed(2)} us, ${(own / other).toFixed(3)}${known}`;
}

/** Holds every answer of a checkout against the plain tree walk, once. */
async function checkedRequests(checkout: Checkout): Promise<Requests> {
  const model = await loadDemoModel();
  const bodies = rowRequests({ seed: SEED, count: BODIES, featureNames: model.featureNames, examples: model.examples });
  const server = await start(checkout);
  try {
    const plain = await checkedSingles(server.origin, '/score', bodies, model);
    return { plain, proxied: withProxiedHeaders(plain) };
  } finally {
    await server.stop();
  }
}

const start = (checkout: Checkout): Promise<ServerProcess> =>
  startCheckout(checkout, { MODEL_DIR: MODEL_FOLDER, MODEL_VERSION });

/** @param turned the other commit starts first and is loaded first */
async function measurePair(sitting: Sitting, turned: boolean): Promise<Record<HeaderSet, Pair>> {
  const order = turned ? [1, 0] : [0, 1];
  const servers: ServerProcess[] = [];
  try {
    for (const side of order) servers.push(await start(sitting.checkouts[side]));
    const requestsOf = (set: HeaderSet) => order.map((side) => sitting.requests[side][set]);
    await load(sitting.generator, servers, requestsOf('plain'), COMPILING_SECONDS);
    const costs: Partial<Record<HeaderSet, Pair>> = {};
    for (const set of HEADER_SETS) {
      const [first, second] = await measureServers(sitting, servers, requestsOf(set));
      costs[set] = turned ? { own: second, other: first } : { own: first, other: second };
    }
    return costs as Record<HeaderSet, Pair>;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/**
 * CPU is read once before and once after all slices. So it holds what a server puts off until it is idle, and the
 * opening of the connections; an idle server takes next to nothing.
 * @returns CPU microseconds a request of each server
 */
async function measureServers(
  { generator, effort }: Sitting,
  servers: readonly ServerProcess[],
  requests: readonly (readonly CheckedRequest[])[],
): Promise<number[]> {
  await load(generator, servers, requests, effort.warmupSeconds);
  const before = servers.map((server) => server.cpuSeconds());
  const results = await load(generator, servers, requests, effort.seconds);
  return servers.map((server, i) => (1e6 * (server.cpuSeconds() - before[i])) / results[i].requests);
}

/**
 * Event loops stay on the first core, the generator on the last: left to Linux, the ratios of one sitting scatter
 * more.
 * @param seconds for each server
 */
async function load(
  generator: LoadGenerator,
  servers: readonly ServerProcess[],
  requests: readonly (readonly CheckedRequest[])[],
  seconds: number,
): Promise<readonly AlternatingResult[]> {
  for (const server of servers) server.place('serving');
  const results = await generator.alternate({
    targets: servers.map(({ port }, i) => ({ port, path: '/score', requests: requests[i] })),
    connections: CONNECTIONS,
    sliceSeconds: SLICE_SECONDS,
    slices: Math.round(seconds / SLICE_SECONDS),
    apart: true,
  });
  for (const [i, server] of servers.entries()) {
    assertAllRight(results[i], server.name);
    server.emptyLog();
  }
  return results;
}
