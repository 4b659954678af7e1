/** Reads request bodies from uWebSockets.js, bounded in size and time. */
import { isUtf8 } from 'node:buffer';
import type { HttpResponse } from 'uWebSockets.js';
import type { ProblemCode } from './problem.js';

/** A body has this long from its headers to its last byte; uWebSockets.js itself closes a silent socket after 10 s. */
const BODY_TIMEOUT_MS = 8000;
const SWEEP_MS = 500;

/** Bodies on their way in, and the one timer for all of them. */
export class BodyReader {
  readonly #late = new Set<IncomingBody>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(private readonly maxBytes: number) {}

  /**
   * Reads one body; the caller attaches `onAborted`.
   * @param declaredBytes of Content-Length, NaN without
   * @param onBody gets the whole body as text, once
   * @param onProblem gets the reason instead; nothing more is read then
   * @returns a function that forgets the body, for when the client is gone
   */
  read(res: HttpResponse, declaredBytes: number, onBody: (text: string) => void, onProblem: (code: ProblemCode) => void): () => void {
    if (declaredBytes > this.maxBytes) {
      onProblem('BODY_TOO_LARGE');
      return () => {};
    }
    const body = new IncomingBody(this.maxBytes, onBody, onProblem);
    res.onData((chunk, isLast) => {
      body.take(chunk, isLast);
      if (body.done) this.#late.delete(body);
      else if (!isLast) this.#watch(body);
    });
    if (!body.done) this.#watch(body);
    return () => {
      body.done = true;
      this.#late.delete(body);
    };
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #watch(body: IncomingBody): void {
    this.#late.add(body);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #sweep(): void {
    const before = performance.now() - BODY_TIMEOUT_MS;
    for (const body of this.#late) {
      // In order of arrival.
      if (body.started > before) break;
      this.#late.delete(body);
      body.fail('BODY_TIMEOUT');
    }
    if (this.#late.size === 0) this.close();
  }
}

class IncomingBody {
  readonly started = performance.now();
  done = false;
  #chunks: Buffer[] | undefined;
  #bytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly onBody: (text: string) => void,
    private readonly onProblem: (code: ProblemCode) => void,
  ) {}

  take(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.done) return;
    this.#bytes += chunk.byteLength;
    if (this.#bytes > this.maxBytes) {
      this.fail('BODY_TOO_LARGE');
      return;
    }
    if (isLast && this.#chunks === undefined) {
      this.#finish(Buffer.from(chunk));
      return;
    }
    this.#chunks ??= [];
    // uWebSockets.js takes the chunk's memory back when this returns.
    this.#chunks.push(Buffer.from(new Uint8Array(chunk)));
    if (isLast) this.#finish(Buffer.concat(this.#chunks));
  }

  fail(code: ProblemCode): void {
    if (this.done) return;
    this.done = true;
    this.#chunks = undefined;
    this.onProblem(code);
  }

  #finish(bytes: Buffer): void {
    const text = bytes.toString('utf8');
    // Decoding replaces what is not UTF-8 by U+FFFD; only then is it worth asking whether the client sent it so.
    if (text.includes('\uFFFD') && !isUtf8(bytes)) {
      this.fail('MALFORMED_JSON');
      return;
    }
    this.done = true;
    this.#chunks = undefined;
    this.onBody(text);
  }
}
