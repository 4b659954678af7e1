/** An exchange on uWebSockets.js. */
import type { HttpResponse } from 'uWebSockets.js';
import { addressFromBytes } from '../../access/client-address.js';
import type { Answer } from '../answer.js';
import { type ChunkHandler, Exchange, type ExchangeHost, LARGE_BYTES } from '../exchange.js';

const OK = '200 OK';

export class UwsExchange extends Exchange {
  readonly #res: HttpResponse;
  /** The client waits for a 100 that uWebSockets.js does not send itself. */
  readonly #awaitsContinue: boolean;
  #continued = false;
  #inHandler = true;

  /** @param awaitsContinue an `Expect` that is spelled otherwise than uWebSockets.js knows it */
  constructor(
    res: HttpResponse,
    route: string,
    host: ExchangeHost,
    { withoutBody, awaitsContinue }: { readonly withoutBody: boolean; readonly awaitsContinue: boolean },
  ) {
    super(route, host, withoutBody);
    this.#res = res;
    this.#awaitsContinue = awaitsContinue;
    res.onAborted(() => this.abandon());
  }

  get remoteAddress(): string {
    return addressFromBytes(new Uint8Array(this.#res.getRemoteAddress()));
  }

  onData(handler: ChunkHandler): void {
    if (this.#awaitsContinue) this.#continue();
    this.#res.onData((chunk, isLast) => handler(new Uint8Array(chunk), isLast));
  }

  /** The handler has returned. */
  handled(): void {
    this.#inHandler = false;
  }

  /**
   * Within the handler, what follows in the same segment would still be read as the connection's next request, and be
   * answered behind the last answer.
   */
  protected get mustWait(): boolean {
    return this.#inHandler;
  }

  protected writeJson(body: string | Uint8Array, requestId: string | undefined): void {
    const res = this.#res;
    res.cork(() => {
      if (this.#continued) this.#writeFirst(OK, 'Content-Type', 'application/json');
      else res.writeHeader('Content-Type', 'application/json');
      if (requestId !== undefined) res.writeHeader('X-Request-ID', requestId);
      res.end(body);
    });
  }

  protected write({ status, headers, body, last, withoutBody }: Answer): boolean {
    const res = this.#res;
    let isSent = true;
    res.cork(() => {
      const [first, ...rest] = headers;
      if (this.#continued) this.#writeFirst(status, first[0], first[1]);
      else res.writeStatus(status).writeHeader(first[0], first[1]);
      for (const [name, value] of rest) res.writeHeader(name, value);
      if (withoutBody) {
        // endWithoutBody takes a length, but would then wait for a body of that length and drop the connection's next
        // request.
        res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
        if (last) res.writeHeader('Connection', 'close');
        res.endWithoutBody();
      } else if (body.length < LARGE_BYTES) {
        // Writes `Connection: close` where it is the last.
        res.end(body, last);
      } else {
        if (last) res.writeHeader('Connection', 'close');
        isSent = this.#writeLarge(Buffer.from(body));
      }
    });
    return isSent;
  }

  /** @returns as `write` */
  #writeLarge(body: Buffer): boolean {
    const res = this.#res;
    const [, isSent] = res.tryEnd(body, body.length);
    if (isSent) return true;
    res.onWritable((offset) => {
      const [isTaken, isDone] = res.tryEnd(body.subarray(offset), body.length);
      if (isDone) this.sent();
      return isTaken;
    });
    return false;
  }

  /**
   * uWebSockets.js answers only `100-continue` in lower case, and has no call to send a 100. Its status line is text,
   * though: this one ends the interim response, and the true one goes out with the first header.
   */
  #continue(): void {
    this.#res.writeStatus('100 Continue\r\n');
    this.#continued = true;
  }

  #writeFirst(status: string, name: string, value: string): void {
    this.#res.writeHeader(`HTTP/1.1 ${status}\r\n${name}`, value);
  }
}
