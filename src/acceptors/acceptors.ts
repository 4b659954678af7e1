/** What the server needs of its acceptors: one `Acceptor` on the main thread, or several, each on its own thread. */
import type { AccessKeys } from '../access/access-control.js';
import type { AcceptorReading } from '../telemetry/metrics.js';

export interface Acceptors {
  readonly port: number;
  /** @throws LightscoreError CONFIG_INVALID if the port cannot be opened */
  listen(): Promise<void>;
  /** Makes `/readyz` answer 503 and closes each connection after its answer. */
  startDraining(): Promise<void>;
  /**
   * Stops accepting connections and resolves when every request in flight is answered.
   * @throws LightscoreError WORKER_FAILED if an acceptor died, so that some requests stay unanswered
   */
  drained(): Promise<void>;
  /** Resolves when every later request is held to these keys. */
  useKeys(keys: AccessKeys): Promise<void>;
  /**
   * Reads certificate and key again, for connections from here on.
   * @returns false where the transport cannot: it takes a restart
   * @throws Error where they cannot be used; the old ones stay
   */
  reloadTls(): Promise<boolean>;
  /** Closes every connection, answered or not, and ends all threads. */
  close(): Promise<void>;
  readings(): AcceptorReadings;
}

export interface AcceptorReadings {
  /** Rows that wait for a worker. */
  readonly waitingRows: number;
  /** Scoring threads that are alive. */
  readonly workers: number;
  readonly predictionLinesDropped: number;
  readonly acceptors: readonly AcceptorReading[];
  /** Acceptors that have died since the start. */
  readonly acceptorFailures: number;
}
