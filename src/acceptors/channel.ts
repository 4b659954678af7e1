/**
 * Messages between the main thread and an acceptor's thread: requests, which get a response, and notifications, which
 * do not.
 */
import { type ErrorCode, LightscoreError } from '../errors.js';

type Signatures<T> = { readonly [Name in keyof T]: (parameter: never) => unknown };
type Parameter<F> = F extends (parameter: infer P) => unknown ? P : never;
type Result<F> = F extends (parameter: never) => infer R ? Awaited<R> : never;

/** The types of the messages that one side sends. */
export interface Messages {
  /** Maps each request's name to a function type: from the request's payload to the response's. */
  readonly requests: Signatures<object>;
  /** Maps each notification's name to its payload. */
  readonly notifications: object;
}

/** One side's handlers for the messages of the other. */
export interface Handlers<Theirs extends Messages> {
  readonly requests: {
    readonly [Name in keyof Theirs['requests']]: (
      parameter: Parameter<Theirs['requests'][Name]>,
    ) => Result<Theirs['requests'][Name]> | Promise<Result<Theirs['requests'][Name]>>;
  };
  readonly notifications: {
    readonly [Name in keyof Theirs['notifications']]: (parameter: Theirs['notifications'][Name]) => void;
  };
}

type Frame =
  | { readonly kind: 'notification'; readonly name: string; readonly parameter: unknown }
  | { readonly kind: 'request'; readonly id: number; readonly name: string; readonly parameter: unknown }
  | { readonly kind: 'response'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: Error; readonly code: ErrorCode | undefined };

/** A `Worker`, or the `parentPort` inside it. */
interface Port {
  postMessage(frame: Frame): void;
  on(event: 'message', listener: (frame: Frame) => void): unknown;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class Channel<Ours extends Messages, Theirs extends Messages> {
  readonly #port: Port;
  readonly #handlers: Handlers<Theirs>;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  #ended: Error | undefined;

  constructor(port: Port, handlers: Handlers<Theirs>) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (frame) => this.#receive(frame));
  }

  /** @throws LightscoreError with the other side's code; Error for its other failures and if it has ended */
  request<Name extends keyof Ours['requests'] & string>(
    name: Name,
    parameter: Parameter<Ours['requests'][Name]>,
  ): Promise<Result<Ours['requests'][Name]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ kind: 'request', id, name, parameter });
    });
  }

  notify<Name extends keyof Ours['notifications'] & string>(name: Name, parameter: Ours['notifications'][Name]): void {
    this.#port.postMessage({ kind: 'notification', name, parameter });
  }

  /** The other side has ended: pending requests fail with `reason`, and so do later ones. */
  end(reason: Error): void {
    this.#ended = reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  #receive(frame: Frame): void {
    if (frame.kind === 'notification') {
      const handlers = this.#handlers.notifications as Readonly<Record<string, (parameter: unknown) => void>>;
      handlers[frame.name](frame.parameter);
    } else if (frame.kind === 'request') void this.#respond(frame.id, frame.name, frame.parameter);
    else {
      const pending = this.#pending.get(frame.id);
      this.#pending.delete(frame.id);
      if (frame.kind === 'response') pending?.resolve(frame.result as never);
      else pending?.reject(errorOf(frame));
    }
  }

  async #respond(id: number, name: string, parameter: unknown): Promise<void> {
    const handlers = this.#handlers.requests as Readonly<Record<string, (parameter: unknown) => unknown>>;
    try {
      const result = await handlers[name](parameter);
      this.#port.postMessage({ kind: 'response', id, result });
    } catch (error) {
      const code = error instanceof LightscoreError ? error.code : undefined;
      this.#port.postMessage({ kind: 'failure', id, error: sendable(error), code });
    }
  }
}

function errorOf({ error, code }: Extract<Frame, { kind: 'failure' }>): Error {
  return code === undefined ? error : new LightscoreError(code, error.message, { cause: error });
}

/** Copies name, message and stack of an error: its class and other properties may not survive structured cloning. */
export function sendable(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const plain = new Error(error.message);
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack;
  return plain;
}
