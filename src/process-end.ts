/** Ends the process where `process.exit` would not: that waits for every thread, also for one blocked in a write. */

/** Node 22.15 and later; the types are those of Node 20. */
type Execve = (file: string, args: readonly string[], env: Readonly<Record<string, string>>) => never;

const takeOver = (): Execve | undefined => (process as { execve?: Execve }).execve;

/** Whether `endNow` keeps the exit code, or there is no other way to end for sure. */
export function isBestEnd(): boolean {
  return takeOver() !== undefined || process.pid === 1;
}

/**
 * Ends the process at once, whatever its threads wait for.
 *
 * Another program takes the process over where Node can do that, and ends with `exitCode`. Else SIGKILL ends it, which
 * the first process of a container does not receive: that one aborts.
 */
export function endNow(exitCode: number): void {
  const execve = takeOver();
  if (execve !== undefined) execve(process.execPath, [process.execPath, '--eval', `process.exit(${exitCode})`], {});
  else if (process.pid === 1) process.abort();
  else process.kill(process.pid, 'SIGKILL');
}
