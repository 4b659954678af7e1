/** The listening side of the server: one `Acceptor` on the main thread, or several on threads of their own. */
import type { AcceptorReading } from '../telemetry/metrics.js';

export interface Acceptors {
  readonly port: number;
  /** @throws LightscoreError CONFIG_INVALID where the port cannot be had */
  listen(): Promise<void>;
  /** From then on `/readyz` answers 503 and connections are closed behind their answers. */
  startDraining(): Promise<void>;
  /**
   * Takes no new connections and resolves when every request under way has its answer.
   * @throws LightscoreError WORKER_FAILED where some never will
   */
  drained(): Promise<void>;
  /** Closes every connection, answered or not, and ends the threads. */
  close(): Promise<void>;
  readings(): AcceptorReadings;
}

export interface AcceptorReadings {
  /** Rows waiting for a worker. */
  readonly waitingRows: number;
  /** Scoring threads alive. */
  readonly workers: number;
  readonly predictionLinesDropped: number;
  readonly acceptors: readonly AcceptorReading[];
  /** Acceptors that have died. */
  readonly acceptorFailures: number;
}
