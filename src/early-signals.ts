/**
 * Who answers SIGTERM and SIGINT: at first this file, which ends the process, then the server. The first process of a
 * container has no default for signals: without this, `docker stop` of a server that starts would wait for its limit.
 */

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** What a shell says of a process that a signal ended, less the signal's number. */
const ENDED_BY_SIGNAL = 128;

let answer: (signal: NodeJS.Signals, number: number) => void = end;

/** One listener for good: a signal that has come and not been seen yet would be lost with it. */
function listener(signal: NodeJS.Signals, number: number): void {
  answer(signal, number);
}

function end(signal: NodeJS.Signals, number: number): void {
  if (process.pid === 1) process.exit(ENDED_BY_SIGNAL + number);
  for (const name of SIGNALS) process.off(name, listener);
  process.kill(process.pid, signal);
}

export function endOnEarlySignals(): void {
  for (const signal of SIGNALS) process.on(signal, listener);
}

/** The server answers signals by itself from here on. */
export function answerSignals(answerOfServer: (signal: NodeJS.Signals) => void): void {
  answer = answerOfServer;
}
