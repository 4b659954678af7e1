/** An exchange on uWebSockets.js. */
import type { HttpResponse } from 'uWebSockets.js';
import { addressFromBytes } from '../../access/client-address.js';
import { type Answer, type ChunkHandler, Exchange, type ExchangeHost } from '../exchange.js';

export class UwsExchange extends Exchange {
  readonly #res: HttpResponse;

  constructor(res: HttpResponse, route: string, host: ExchangeHost, withoutBody: boolean) {
    super(route, host, withoutBody);
    this.#res = res;
    res.onAborted(() => this.finish());
  }

  get remoteAddress(): string {
    return addressFromBytes(new Uint8Array(this.#res.getRemoteAddress()));
  }

  onData(handler: ChunkHandler): void {
    this.#res.onData((chunk, isLast) => handler(new Uint8Array(chunk), isLast));
  }

  protected writeJson(body: string | Uint8Array): void {
    const res = this.#res;
    res.cork(() => {
      res.writeHeader('Content-Type', 'application/json');
      res.end(body);
    });
  }

  protected write({ status, headers, body, last, withoutBody }: Answer): void {
    const res = this.#res;
    res.cork(() => {
      res.writeStatus(status);
      for (const [name, value] of headers) res.writeHeader(name, value);
      if (withoutBody) {
        // endWithoutBody takes a length, but would then wait for a body of that length and drop the connection's next
        // request.
        res.writeHeader('Content-Length', `${Buffer.byteLength(body)}`);
        if (last) res.writeHeader('Connection', 'close');
        res.endWithoutBody();
      } else {
        // Writes `Connection: close` where it is the last.
        res.end(body, last);
      }
    });
  }
}
