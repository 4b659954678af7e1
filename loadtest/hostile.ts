/**
 * `node dist/loadtest/hostile.js --requests 100000`: sends hostile requests to a server that it starts, and verifies
 * that the server withstands them.
 */
import { parseArgs } from 'node:util';
import { readGolden } from '../test/support/golden.js';
import { sendHostile } from '../test/support/hostile-requests.js';
import { startServer } from '../test/support/server.js';

/** During this share of the requests memory may grow: code is compiled, pools and lanes are filled. */
const WARM_UP_SHARE = 0.3;
/** Bytes by which the process may grow after that: less than a thousandth of a leak of one body per request. */
const MAX_GROWTH = 48 * 2 ** 20;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    connections: { type: 'string', default: '16' },
  },
});
const [requests, seed, connections] = [Number(values.requests), Number(values.seed), Number(values.connections)];
const golden = readGolden();
const server = await startServer({ PREDICTION_LOG_SAMPLE: '0' });
const resident = (): Promise<number> => server.metric('process_resident_memory_bytes');
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const problems: string[] = [];
const start = await resident();
const started = performance.now();
const warmUp = Math.floor(requests * WARM_UP_SHARE);
const first = await sendHostile(server.port, golden, warmUp, seed, connections);
const warm = await resident();
const second = await sendHostile(server.port, golden, requests - warmUp, seed + warmUp, connections);
const seconds = (performance.now() - started) / 1000;
const end = await resident();
const internal = await server.metric('lightscore_rejects_total', '{reason="internal"}');
const queued = await server.metric('lightscore_queue_rows');
const exit = await server.terminate();

const total = (name: 'sent' | 'answers'): Record<string, number> => {
  const sum = { ...first[name] };
  for (const [key, count] of Object.entries(second[name])) sum[key] = (sum[key] ?? 0) + count;
  return sum;
};
problems.push(...first.faults, ...second.faults);
if (!Number.isNaN(internal)) problems.push(`${internal} requests failed inside the server`);
if (queued !== 0) problems.push(`${queued} rows are still queued`);
if (end - warm > MAX_GROWTH) problems.push(`the process grew by ${mebibytes(end - warm)} after its warm-up`);
if (exit.code !== 0) problems.push(`the server ended with ${exit.signal ?? exit.code}`);
for (const line of server.logs) if (line.level >= 50) problems.push(`the server logged: ${line.msg}`);

console.log(`${requests} hostile requests and ${first.good + second.good} good ones in ${seconds.toFixed(1)} s`);
console.log('sent:', total('sent'));
console.log('answers:', total('answers'));
console.log(
  `resident memory: ${mebibytes(start)} at the start, ${mebibytes(warm)} after ${warmUp} requests, ` +
    `${mebibytes(end)} at the end`,
);
for (const problem of problems.slice(0, 20)) console.error(`FAULT ${problem}`);
if (problems.length > 0) {
  console.error(`${problems.length} faults`);
  process.exitCode = 1;
} else {
  console.log('no crash, no failure, every good request was answered correctly');
}
