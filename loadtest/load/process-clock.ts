/**
 * The CPU clock that the kernel keeps of each process, read through koffi. It holds user and system time of all
 * threads, those that have ended included: a sum over the threads that are alive goes down when one of them ends, and a
 * loader's thread ends some seconds after a start.
 */
import koffi from 'koffi';

const libc = koffi.load(null);
const clockOf = libc.func('int clock_getcpuclockid(int pid, void *clock)');
const readClock = libc.func('int clock_gettime(int clock, void *time)');

/** @returns CPU seconds that `pid` has had since it started, to the nanosecond */
export function processCpuSeconds(pid: number): number {
  const clock = new Int32Array(1);
  const time = new BigInt64Array(2);
  // Unlike other functions of libc it returns the error itself.
  const failed: number = clockOf(pid, clock);
  if (failed !== 0) throw new Error(`process ${pid} has no CPU clock: error ${failed}`);
  if (readClock(clock[0], time) !== 0) throw new Error(`clock_gettime failed with error ${koffi.errno()}`);
  return Number(time[0]) + Number(time[1]) / 1e9;
}
