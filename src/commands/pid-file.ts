/** PID_FILE: tells whoever sends signals which process takes them. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';

/**
 * Writes this process's id as a whole file or not at all.
 * @returns the id of another process that the file named and that still runs; undefined for none
 * @throws LightscoreError CONFIG_INVALID
 */
export function writePidFile(file: string): number | undefined {
  const unfinished = `${file}.${process.pid}`;
  const before = runningProcess(file);
  try {
    writeFileSync(unfinished, `${process.pid}\n`);
    renameSync(unfinished, file);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw new LightscoreError('CONFIG_INVALID', `PID_FILE: ${file}: cannot be written: ${systemReason(cause)}`, {
      cause,
    });
  }
  return before;
}

function runningProcess(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch {
    // There is no such file, or no such process of ours to signal.
    return undefined;
  }
}

/** Removes the file if it still names this process: another server may have written its own id since. */
export function removePidFile(file: string): void {
  try {
    if (readFileSync(file, 'utf8').trim() === String(process.pid)) rmSync(file);
  } catch {
    // It is gone, or no longer ours to touch: the process ends all the same.
  }
}
