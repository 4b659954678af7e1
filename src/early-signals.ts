/**
 * Ends a server that is still starting where a signal asks for it. The first process of a container has no default
 * for signals: without these, `docker stop` would wait for its whole limit.
 */
import { endNow } from './process-end.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** What a shell says of a process that a signal ended, less the signal's number. */
const ENDED_BY_SIGNAL = 128;

function end(signal: NodeJS.Signals, number: number): void {
  forgetEarlySignals();
  if (process.pid === 1) endNow(ENDED_BY_SIGNAL + number);
  else process.kill(process.pid, signal);
}

/** The server answers signals by itself from here on. */
export function forgetEarlySignals(): void {
  for (const signal of SIGNALS) process.off(signal, end);
}

export function endOnEarlySignals(): void {
  for (const signal of SIGNALS) process.on(signal, end);
}
