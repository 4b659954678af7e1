/** A lock file between processes that build LightGBM; a lock whose holder has died is taken over. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const HEARTBEAT_MS = 2_000;
/**
 * A process on another host (or in another container) cannot be probed, so a holder counts as dead when its heartbeat
 * stops for this long.
 */
const STALE_MS = 30_000;
const POLL_MS = 250;

/** The content of a lock file; its modification time is the holder's heartbeat. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly id: string;
}

/**
 * Runs `work` while holding the lock file `path`; waits for another holder, and takes over from one that has died.
 *
 * `work` gets a fresh folder of its own beside the lock file. The folder is removed when the work ends, or when the
 * next process finds that its owner died. Taking over is not free of races (two processes may find the same dead
 * holder), so `work` must stay correct, if wasteful, when it runs twice at once.
 */
export async function withBuildLock(
  path: string,
  progress: (line: string) => void,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const holder: Holder = { pid: process.pid, host: hostname(), id: randomUUID() };
  let told = false;
  while (!(await take(path, holder))) {
    const abandoned = await findAbandoned(path);
    if (abandoned !== undefined) {
      await discard(path, abandoned);
      continue;
    }
    if (!told) progress(`another process is building LightGBM; waiting for it (lock ${path})`);
    told = true;
    await delay(POLL_MS);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // The build continues if its lock file disappears: `work` is correct without the lock.
    utimes(path, now, now).catch(() => clearInterval(heartbeat));
  }, HEARTBEAT_MS);
  const folder = folderOf(path, holder);
  try {
    await mkdir(folder);
    await work(folder);
  } finally {
    clearInterval(heartbeat);
    await rm(folder, { recursive: true, force: true });
    await rm(path, { force: true });
  }
}

function folderOf(path: string, holder: Holder): string {
  return `${path}-${holder.id}`;
}

async function take(path: string, holder: Holder): Promise<boolean> {
  // Writing another file and linking it keeps every reader from seeing a partial lock file.
  const aside = `${folderOf(path, holder)}.new`;
  await writeFile(aside, JSON.stringify(holder));
  try {
    await link(aside, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function findAbandoned(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const holder: Holder = JSON.parse(text);
    const dead = holder.host === hostname() && !isRunning(holder.pid);
    return dead || Date.now() - mtimeMs > STALE_MS ? holder : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function discard(path: string, abandoned: Holder): Promise<void> {
  const aside = `${path}-${abandoned.id}.stale-${process.pid}`;
  try {
    await rename(path, aside);
    const moved: Holder = JSON.parse(await readFile(aside, 'utf8'));
    // Another process may have taken over in the meantime; then the moved file is its fresh lock and must be put back.
    if (moved.id !== abandoned.id) await link(aside, path);
    else await rm(folderOf(path, abandoned), { recursive: true, force: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
