/**
 * Invariants: conditions that hold whenever state changes, whatever comes in from outside. One that does not hold is a
 * bug of Lightscore itself. It throws, before the change is made where that can be.
 *
 * While one request is read or answered, that request alone fails, and the log says why (`request_failed`,
 * `answer_failed`). Anywhere else nobody can tell what is broken: an acceptor on a thread of its own is replaced
 * (`acceptor_failed`), and what happens on the main thread makes the server drain and end with 1
 * (`uncaught_exception`).
 */

export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}

/** @param message a constant sentence that says what is wrong; it is evaluated even where the condition holds */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
