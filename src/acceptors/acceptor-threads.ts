/**
 * ACCEPTORS > 1: as many acceptors, each on a thread of its own, on one port that they share (SO_REUSEPORT: the kernel
 * spreads connections). The main thread takes no connection: it keeps the models, memory, audit trail, logs and metrics
 * for all of them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LightscoreError } from '../errors.js';
import { type TransportKind, probePort } from '../http/choose-transport.js';
import type { Serving } from '../registry/serving.js';
import { type Metrics, answersOf } from '../telemetry/metrics.js';
import { AcceptorThread, type ThreadParts } from './acceptor-thread.js';
import type { AcceptorReadings, Acceptors } from './acceptors.js';
import { type LimitCells, limitCells } from './limits.js';
import type { AcceptorCounts } from './messages.js';

export interface AcceptorThreadsParts extends ThreadParts {
  readonly transports: TransportKind;
  /** Shows what all acceptors have counted. */
  readonly metrics: Metrics;
  /** Acceptors die faster than they are worth replacing: the server should end. */
  readonly onGivenUp: () => void;
}

/** More acceptors than this that die within MINUTE_MS end the server. */
const MOST_DEATHS = 5;
const MINUTE_MS = 60_000;
/** How long threads may take to end. */
const CLOSE_MS = 3000;

/** The place of one acceptor, whose thread may be replaced. */
interface Place {
  thread: AcceptorThread;
  /** What threads before this one had counted: counters never go back. */
  readonly past: AcceptorCounts[];
}

export class AcceptorThreads implements Acceptors {
  readonly #cells: LimitCells;
  readonly #places: Place[];
  #port = 0;
  #serving: Serving | undefined;
  #draining = false;
  #closing = false;
  #listening = false;
  #failures = 0;
  /** performance.now() of the last failures. */
  #deaths: number[] = [];

  constructor(private readonly parts: AcceptorThreadsParts) {
    const { config } = parts;
    this.#cells = limitCells(config);
    this.#places = Array.from({ length: config.http.acceptors }, (_, acceptor) => ({
      thread: this.#start(acceptor),
      past: [],
    }));
  }

  get port(): number {
    return this.#port;
  }

  async listen(): Promise<void> {
    // A port that the system chooses for a socket cannot be shared afterwards, so it is chosen first.
    this.#port = await probePort(this.parts.transports, this.parts.config.http);
    await Promise.all(this.#places.map(({ thread }) => thread.listen(this.#port)));
    if (this.#failures > 0) throw new LightscoreError('WORKER_FAILED', 'an acceptor died while the server started');
    this.#listening = true;
  }

  /** Resolves when every acceptor answers by `serving`. */
  async serve(serving: Serving): Promise<void> {
    this.#serving = serving;
    // One that has died meanwhile gets it when it is replaced.
    await Promise.allSettled(this.#places.map(({ thread }) => thread.serve(serving)));
  }

  async startDraining(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#places.map(({ thread }) => thread.startDraining()));
  }

  async drained(): Promise<void> {
    const drained = await Promise.allSettled(this.#places.map(({ thread }) => thread.drain()));
    if (drained.some(({ status }) => status === 'rejected'))
      throw new LightscoreError('WORKER_FAILED', 'an acceptor died while the server drained');
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { thread } of this.#places) thread.close();
    const abort = new AbortController();
    const late = pause(CLOSE_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#places.map(({ thread }) => thread.ended)), late]);
    abort.abort();
  }

  /** Asks all acceptors for their counters, and shows the sums. */
  async count(): Promise<void> {
    await Promise.all(this.#places.map(({ thread }) => thread.count()));
    this.parts.metrics.showCounts(this.#places.flatMap((place) => countsOf(place)).map(({ requests }) => requests));
  }

  readings(): AcceptorReadings {
    const sum = (counts: readonly AcceptorCounts[], read: (counts: AcceptorCounts) => number): number =>
      counts.reduce((total, one) => total + read(one), 0);
    const all = this.#places.flatMap((place) => countsOf(place));
    return {
      waitingRows: Atomics.load(this.#cells.rows, 0),
      workers: sum(
        this.#places.flatMap(({ thread: { latest } }) => latest ?? []),
        ({ workers }) => workers,
      ),
      // On the way to this thread, or by it.
      predictionLinesDropped:
        sum(all, ({ predictionLinesDropped }) => predictionLinesDropped) + this.parts.predictions.dropped,
      acceptorFailures: this.#failures,
      acceptors: this.#places.map((place, i) => ({
        acceptor: i + 1,
        answers: sum(countsOf(place), ({ requests }) => answersOf(requests)),
        busySeconds: sum(countsOf(place), ({ busySeconds }) => busySeconds),
      })),
    };
  }

  #start(acceptor: number): AcceptorThread {
    const thread = new AcceptorThread(acceptor, this.parts, this.#cells);
    void thread.ended.then((failure) => this.#ended(thread, failure));
    return thread;
  }

  /** Replaces a thread that has died: its connections are lost, those of the others are not. */
  #ended(thread: AcceptorThread, failure: Error | undefined): void {
    if (this.#closing) return;
    this.#failures++;
    // While the server starts `listen` fails, and says why.
    if (!this.#listening) return;
    const { logger } = this.parts;
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => at > now - MINUTE_MS), now];
    logger.error(
      { event: 'acceptor_failed', acceptor: thread.acceptor + 1, err: failure },
      `acceptor ${thread.acceptor + 1} died, and its connections with it`,
    );
    if (this.#draining) return;
    if (this.#deaths.length > MOST_DEATHS) {
      logger.fatal(
        { event: 'acceptors_given_up', deaths: this.#deaths.length },
        `${this.#deaths.length} acceptors died within a minute`,
      );
      this.parts.onGivenUp();
      return;
    }
    const place = this.#places[thread.acceptor];
    if (thread.latest !== undefined) place.past.push(thread.latest);
    place.thread = this.#start(thread.acceptor);
    void this.#settleIn(place.thread);
  }

  async #settleIn(thread: AcceptorThread): Promise<void> {
    try {
      // The kernel gives it connections once it listens: not before it can answer them.
      if (this.#serving !== undefined) await thread.serve(this.#serving);
      await thread.listen(this.#port);
      this.parts.logger.warn(
        { event: 'acceptor_replaced', acceptor: thread.acceptor + 1 },
        `acceptor ${thread.acceptor + 1} listens again`,
      );
      if (this.#draining) await thread.startDraining();
    } catch (error) {
      this.parts.logger.error(
        { event: 'acceptor_not_replaced', acceptor: thread.acceptor + 1, err: error },
        `acceptor ${thread.acceptor + 1} could not be replaced`,
      );
      thread.close();
    }
  }
}

function countsOf({ thread, past }: Place): AcceptorCounts[] {
  return thread.latest === undefined ? past : [...past, thread.latest];
}
