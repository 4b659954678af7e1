/**
 * Assignment of threads to cores. By default Linux sometimes runs the load generator and the thread that answers it on
 * one core, where a round trip takes 12 us, and sometimes on two, where it takes 70: a ratio of two servers that were
 * placed differently is meaningless.
 */
import koffi from 'koffi';

const MASK_BYTES = 128;

const libc = koffi.load(null);
const getAffinity = libc.func('int sched_getaffinity(int thread, size_t size, void *mask)');
const setAffinity = libc.func('int sched_setaffinity(int thread, size_t size, void *mask)');

/** The cores that this process may use, in order. */
const CORES = allowedCores();

function allowedCores(): readonly number[] {
  const mask = new Uint8Array(MASK_BYTES);
  if (getAffinity(0, MASK_BYTES, mask) < 0) throw new Error(`sched_getaffinity failed with error ${koffi.errno()}`);
  return Array.from({ length: MASK_BYTES * 8 }, (_, core) => core).filter(
    (core) => ((mask[core >> 3] >> (core & 7)) & 1) === 1,
  );
}

/** The first core for an event loop that serves, the last for a generator that loads it, or any core. */
export type Place = 'serving' | 'loading' | 'anywhere';

/** Moves one thread; those that it has already started stay where they are. */
export function place(thread: number, where: Place): void {
  const cores = where === 'serving' ? CORES.slice(0, 1) : where === 'loading' ? CORES.slice(-1) : CORES;
  const mask = new Uint8Array(MASK_BYTES);
  for (const core of cores) mask[core >> 3] |= 1 << (core & 7);
  if (setAffinity(thread, MASK_BYTES, mask) < 0)
    throw new Error(`sched_setaffinity failed with error ${koffi.errno()}`);
}
