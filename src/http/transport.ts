/** A transport: what speaks HTTP on a listening socket. Two implementations, one interface, and one suite. */
import type { Exchange, ExchangeHost } from './exchange.js';
import type { RequestHead } from './request-head.js';
import type { Handler, Route } from './route.js';

export interface ListenOptions {
  /** Address or host name. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Other threads of this process listen on the same port. */
  readonly shared: boolean;
}

/** What came on a connection and is not HTTP. */
export interface MalformedBytes {
  /** The parser's code for it. */
  readonly reason: string;
  /** The address of the connection's other end. */
  readonly address: string;
}

export interface TransportHost extends ExchangeHost {
  /** A request has arrived; `exchangeFinished` follows once for each. */
  opened(): void;
  /** Has `handler` answer a request, or refuses it for what its head says. Returns when the handler has. */
  receive(exchange: Exchange, head: RequestHead, handler: Handler): void;
  /** @returns false where there are too many: the connection is to be closed at once, and is not counted */
  connected(): boolean;
  /** A connection that was counted has ended. */
  disconnected(): void;
  /** The parser refused what came on a connection; no request was opened. */
  malformed(bytes: MalformedBytes): void;
}

export interface Transport {
  /** Answers `routes`, and refuses everything else. Call once, before `listen`. */
  serve(routes: readonly Route[], host: TransportHost): void;

  /**
   * @returns the port
   * @throws LightscoreError CONFIG_INVALID where the port cannot be had
   */
  listen(options: ListenOptions): Promise<number>;

  /**
   * Reads certificate and key again, for connections from here on.
   * @returns false where this transport cannot: it takes a restart
   * @throws Error where they cannot be used; the old ones stay
   */
  reloadTls(): boolean;

  /** Takes no new connections; those that are open stay. */
  stopListening(): void;

  /** Closes the listening socket and every connection. */
  close(): void;
}
