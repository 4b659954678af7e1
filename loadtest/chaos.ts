/**
 * `npm run chaos`: a bad day of a server in a minute. Its disk fills up and is freed, the reader of its log stops or
 * goes, its audit trail is moved; each time it is told to end. It must go on scoring, end in time, and account for each
 * line that it did not write. Ends with 1 where it does not.
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { verifyTrail } from '../src/audit/verify.js';
import { readGolden } from '../test/support/golden.js';
import { startServer } from '../test/support/server.js';
import { type Account, type WatchOptions, WatchedServer } from './chaos/watched-server.js';
import { scoresOf } from './swap/versioned-traffic.js';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '2' } } });
/** Each state lasts so long. */
const stateMs = Number(values.seconds) * 1000;
const DRAIN_TIMEOUT_MS = 3000;
/** A process that hangs is killed less than two seconds after its time. */
const END_MS = DRAIN_TIMEOUT_MS + 2000;
/** A reader that does not take all leaves a piece that was being written: lines in it may count twice. */
const PIECE_LINES = 300;
const AUDIT = 'audit.jsonl';

interface State {
  readonly name: string;
  readonly log: WatchOptions['log'];
  /** Does it, and undoes it where that belongs to the state. */
  readonly happen: (server: WatchedServer, folder: string) => Promise<void>;
  /** The reader is gone at the end. */
  readonly readerGoes?: boolean;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, stateMs));

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/** Time passes, with an admin call in the middle of it. */
async function goOn(server: WatchedServer): Promise<void> {
  await pause();
  await server.call();
}

const STATES: readonly State[] = [
  { name: 'nothing happens', log: 'file', happen: goOn },
  {
    name: 'disk full, and freed',
    log: 'file',
    happen: async (server) => {
      await goOn(server);
      server.fillDisk();
      await goOn(server);
      server.freeDisk();
      await until(async () => (await server.metric('lightscore_log_broken')) === 0);
      await until(async () => (await server.metric('lightscore_audit_waiting')) === 0);
      await goOn(server);
    },
  },
  {
    name: 'disk full to the end',
    log: 'file',
    happen: async (server) => {
      await goOn(server);
      server.fillDisk();
      await goOn(server);
      await server.call();
    },
  },
  {
    name: 'reader of the log stops, and goes on',
    log: 'pipe',
    happen: async (server) => {
      server.stopReading();
      await goOn(server);
      server.readAgain();
      await goOn(server);
    },
  },
  {
    name: 'reader of the log stops for good',
    log: 'pipe',
    happen: async (server) => {
      server.stopReading();
      await goOn(server);
    },
  },
  {
    name: 'reader of the log goes',
    log: 'pipe',
    readerGoes: true,
    happen: async (server) => {
      await goOn(server);
      server.closeReader();
      await goOn(server);
    },
  },
  {
    name: 'audit file is moved',
    log: 'file',
    happen: async (server, folder) => {
      await goOn(server);
      renameSync(join(folder, AUDIT), join(folder, `${AUDIT}.1`));
      await goOn(server);
    },
  },
];

const golden = readGolden();
const requests = golden.rows.slice(0, 50).map((features) => JSON.stringify({ features }));
const reference = await startServer();
const scores = await scoresOf(reference.url, requests, 'v1.0.0');
await reference.stop();
const bodies = requests.map((body, i) => ({ body, scores: new Map([['v1.0.0', scores[i]]]) }));

/** Restarts the server on what is left, and looks at its trail. @returns entries, and those that gaps stand for */
async function trailAfterRestart(folder: string, moved: boolean): Promise<{ entries: number; lost: number }> {
  const file = join(folder, AUDIT);
  const again = await startServer({ AUDIT_LOG: file });
  await again.terminate();
  const { entries, end, gaps } = await verifyTrail(moved ? [`${file}.1`, file] : file);
  const lost = gaps.reduce((sum, gap) => sum + gap.lost, 0);
  if (entries + lost !== end.sequence) throw new Error(`${entries} entries and ${lost} lost are not ${end.sequence}`);
  return { entries, lost };
}

function faultsOf(account: Account, { readerGoes = false }: State, lostEntries: number): string[] {
  const { answers, wrong, dropped, logged, lost, waiting, exit, milliseconds } = account;
  const surplus = logged + lost - answers;
  const isCut = readerGoes || milliseconds > DRAIN_TIMEOUT_MS;
  const faults: string[] = [];
  if (answers === 0 || wrong > 0 || dropped > 0) faults.push(`${wrong} wrong and ${dropped} dropped answers`);
  if (surplus < 0) faults.push(`${-surplus} lines are neither in the log nor counted as lost`);
  if (surplus > (isCut ? PIECE_LINES : 0)) faults.push(`${surplus} lines are in the log and counted as lost`);
  if (lostEntries !== waiting) faults.push(`${waiting} audit entries waited, and the gap is ${lostEntries}`);
  if (milliseconds > END_MS) faults.push(`it took ${Math.round(milliseconds)} ms to end`);
  if (exit.code !== 0 && exit.signal !== 'SIGKILL') faults.push(`it ended with ${exit.code ?? exit.signal}`);
  return faults;
}

const COLUMNS = ['answers', 'logged', 'lost', 'audit entries', 'in gaps', 'ends in ms'] as const;
console.log(`${'state'.padEnd(38)}${COLUMNS.map((name) => name.padStart(14)).join('')}`);
let failed = false;
for (const state of STATES) {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-chaos-'));
  try {
    const { name, log, happen } = state;
    const server = await WatchedServer.start({ folder, log, bodies, drainTimeoutMs: DRAIN_TIMEOUT_MS });
    await happen(server, folder);
    const account = await server.end();
    const trail = await trailAfterRestart(folder, name === 'audit file is moved');
    const { answers, logged, lost, milliseconds } = account;
    const cells = [answers, logged, lost, trail.entries, trail.lost, Math.round(milliseconds)];
    console.log(`${name.padEnd(38)}${cells.map((cell) => String(cell).padStart(14)).join('')}`);
    for (const fault of faultsOf(account, state, trail.lost)) {
      failed = true;
      console.log(`  FAULT: ${fault}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
process.exitCode = failed ? 1 : 0;
