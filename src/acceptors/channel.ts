/**
 * What the main thread and an acceptor's thread say to each other: questions that are answered, and notes that are not.
 */
import { type ErrorCode, LightscoreError } from '../errors.js';

/** By name: what a question carries, and what its answer does. */
type Questions<T> = { readonly [Name in keyof T]: (carried: never) => unknown };
type Carried<F> = F extends (carried: infer C) => unknown ? C : never;
type Answered<F> = F extends (carried: never) => infer A ? Awaited<A> : never;

/** One side's questions and notes. */
export interface Speech {
  readonly questions: Questions<object>;
  readonly notes: object;
}

/** How one side deals with what the other says. */
export interface Hearing<Theirs extends Speech> {
  readonly answer: {
    readonly [Name in keyof Theirs['questions']]: (
      carried: Carried<Theirs['questions'][Name]>,
    ) => Answered<Theirs['questions'][Name]> | Promise<Answered<Theirs['questions'][Name]>>;
  };
  readonly take: { readonly [Name in keyof Theirs['notes']]: (carried: Theirs['notes'][Name]) => void };
}

type Frame =
  | { readonly kind: 'note'; readonly name: string; readonly carried: unknown }
  | { readonly kind: 'question'; readonly id: number; readonly name: string; readonly carried: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly answered: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: Error; readonly code: ErrorCode | undefined };

/** A Worker, or the parentPort in it. */
interface Port {
  postMessage(frame: Frame): void;
  on(event: 'message', listener: (frame: Frame) => void): unknown;
}

interface Waiting {
  readonly resolve: (answered: never) => void;
  readonly reject: (error: Error) => void;
}

export class Channel<Ours extends Speech, Theirs extends Speech> {
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #ended: Error | undefined;

  constructor(
    private readonly port: Port,
    private readonly hearing: Hearing<Theirs>,
  ) {
    port.on('message', (frame) => this.#hear(frame));
  }

  /** @throws LightscoreError with the code of the other side's; Error for its other failures, or where it has ended */
  ask<Name extends keyof Ours['questions'] & string>(
    name: Name,
    carried: Carried<Ours['questions'][Name]>,
  ): Promise<Answered<Ours['questions'][Name]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.port.postMessage({ kind: 'question', id, name, carried });
    });
  }

  note<Name extends keyof Ours['notes'] & string>(name: Name, carried: Ours['notes'][Name]): void {
    this.port.postMessage({ kind: 'note', name, carried });
  }

  /** The other side is gone: what waits for its answer fails. */
  end(reason: Error): void {
    this.#ended = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #hear(frame: Frame): void {
    if (frame.kind === 'note')
      (this.hearing.take as Readonly<Record<string, (carried: unknown) => void>>)[frame.name](frame.carried);
    else if (frame.kind === 'question') void this.#answer(frame.id, frame.name, frame.carried);
    else {
      const waiting = this.#waiting.get(frame.id);
      this.#waiting.delete(frame.id);
      if (frame.kind === 'answer') waiting?.resolve(frame.answered as never);
      else
        waiting?.reject(
          frame.code === undefined
            ? frame.error
            : new LightscoreError(frame.code, frame.error.message, { cause: frame.error }),
        );
    }
  }

  async #answer(id: number, name: string, carried: unknown): Promise<void> {
    try {
      const answered = await (this.hearing.answer as Readonly<Record<string, (carried: unknown) => unknown>>)[name](
        carried,
      );
      this.port.postMessage({ kind: 'answer', id, answered });
    } catch (error) {
      this.port.postMessage({
        kind: 'failure',
        id,
        error: sendable(error),
        code: error instanceof LightscoreError ? error.code : undefined,
      });
    }
  }
}

/** An error without its class and whatever hangs on it: not everything can be cloned. */
export function sendable(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const plain = new Error(error.message);
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack;
  return plain;
}
