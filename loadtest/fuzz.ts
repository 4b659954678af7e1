/**
 * `npm run fuzz -- --requests 1000000`: sends each of so many mutated requests to a server of either
 * transport, with good requests beside them, and compares what the two make of it.
 */
import { parseArgs } from 'node:util';
import { readGolden } from '../test/support/golden.js';
import { startServer } from '../test/support/server.js';
import { explanationOf } from './fuzz/differences.js';
import { GoodRequests } from './fuzz/good-requests.js';
import { mutatedRequest } from './fuzz/mutations.js';
import { traitsOf } from './fuzz/shape.js';
import { type Verdict, verdictOf } from './fuzz/verdict.js';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    connections: { type: 'string', default: '64' },
    shown: { type: 'string', default: '20' },
  },
});
const [requests, seed, connections] = [Number(values.requests), Number(values.seed), Number(values.connections)];
const shown = Number(values.shown);
/** A good request goes out after so many mutated ones. */
const GOOD_EVERY = 10;
/** Bytes by which a server may grow: less than a tenth of a leak of one body a request. */
const MAX_GROWTH = 64 * 2 ** 20;

const golden = readGolden();
const settings = { PREDICTION_LOG_SAMPLE: '0', MAX_CONNECTIONS: '5000' };
const servers = {
  uws: await startServer({ ...settings, TRANSPORT: 'uws' }),
  node: await startServer({ ...settings, TRANSPORT: 'node' }),
};
const names = ['uws', 'node'] as const;
const good = names.map((name) => new GoodRequests(servers[name].port, golden));
const resident = (): Promise<number[]> =>
  Promise.all(names.map((name) => servers[name].metric('process_resident_memory_bytes')));

const problems: string[] = [];
const tally = new Map<string, number>();
const count = (key: string): void => void tally.set(key, (tally.get(key) ?? 0) + 1);
const said = ({ by, what, answers }: Verdict): string =>
  `${by}${what && ` ${what}`}${answers > 1 ? ` x${answers}` : ''}`;

async function compare(index: number, address: string): Promise<void> {
  const { bytes } = mutatedRequest(seed + index, golden);
  const [uws, node] = await Promise.all(names.map((name) => verdictOf(servers[name].port, address, bytes)));
  for (const [i, { what }] of [uws, node].entries())
    if (/^5(?!05)/.test(what)) problems.push(`${names[i]} answers ${what}, seed ${seed + index}`);
  count(`uws ${uws.by}`);
  count(`node ${node.by}`);
  const reason = explanationOf(bytes, { uws, node });
  if (reason !== undefined) count(`difference: ${reason}`);
  else
    problems.push(
      `seed ${seed + index} (${[...traitsOf(bytes)].join(', ')}): ` +
        `uws ${said(uws)}, node ${said(node)}: ${quoted(bytes)}`,
    );
}

const quoted = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1').slice(0, 400));

const started = performance.now();
const before = await resident();
let next = 0;
await Promise.all(
  Array.from({ length: connections }, async (_, worker) => {
    // An address of its own, so that there are ports enough.
    const address = `127.0.1.${1 + (worker % 250)}`;
    for (let index = next++; index < requests; index = next++) {
      await compare(index, address);
      if (index % GOOD_EVERY === 0) for (const each of good) problems.push(...(await each.send()));
    }
  }),
);
const seconds = (performance.now() - started) / 1000;
const after = await resident();
for (const each of good) each.close();

for (const [i, name] of names.entries()) {
  const server = servers[name];
  const internal = await server.metric('lightscore_rejects_total', '{reason="internal"}');
  if (internal !== 0) problems.push(`${name}: ${internal} requests failed inside the server`);
  if ((await server.metric('lightscore_queue_rows')) !== 0) problems.push(`${name}: rows are still queued`);
  if (after[i] - before[i] > MAX_GROWTH) problems.push(`${name}: grew by ${(after[i] - before[i]) >> 20} MiB`);
  const { code, signal } = await server.terminate();
  if (code !== 0) problems.push(`${name}: the server ended with ${signal ?? code}`);
  for (const { level, msg } of server.logs) if (level >= 50) problems.push(`${name}: the server logged: ${msg}`);
}

const perTransport = good.map((each, i) => `${names[i]} ${each.answered}`).join(', ');
console.log(
  `${requests} mutated requests to each transport in ${seconds.toFixed(0)} s; good ones answered: ${perTransport}`,
);
console.log(
  `resident memory, MiB: ${names.map((name, i) => `${name} ${before[i] >> 20} to ${after[i] >> 20}`).join(', ')}`,
);
for (const [key, times] of [...tally].toSorted(([a], [b]) => a.localeCompare(b)))
  console.log(`  ${String(times).padStart(8)}  ${key}`);
for (const problem of problems.slice(0, shown)) console.error(`FAULT ${problem}`);
if (problems.length > 0) {
  console.error(`${problems.length} faults`);
  process.exitCode = 1;
} else console.log('no crash, no failure, every good request answered rightly, every difference documented');
