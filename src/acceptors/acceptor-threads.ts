/**
 * ACCEPTORS > 1: several acceptors, each on its own thread, share one port (SO_REUSEPORT: the operating system spreads
 * connections over them). The main thread accepts no connections. It owns the models, memory, audit trail, logs and
 * metrics.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { AccessKeys } from '../access/access-control.js';
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
  /** Receives the counts of all acceptors. */
  readonly metrics: Metrics;
  /** Called when too many acceptors die in a short time; the server should then end. */
  readonly onGivenUp: () => void;
}

/** If more acceptors than this die within MINUTE_MS, they are no longer replaced and the server ends. */
const MAX_DEATHS = 5;
const MINUTE_MS = 60_000;
/** How long `close` waits for the threads to end. */
const CLOSE_MS = 3000;

/** One acceptor, whose thread may be replaced. */
interface AcceptorSlot {
  thread: AcceptorThread;
  /** Final counts of the threads that this one replaced; with them, counters never decrease. */
  readonly replaced: AcceptorCounts[];
}

export class AcceptorThreads implements Acceptors {
  readonly #parts: AcceptorThreadsParts;
  readonly #cells: LimitCells;
  readonly #slots: AcceptorSlot[];
  #port = 0;
  #serving: Serving | undefined;
  /** Undefined while the keys of the start hold. */
  #keys: AccessKeys | undefined;
  #draining = false;
  #closing = false;
  #listening = false;
  #failures = 0;
  /** When acceptors died within the last MINUTE_MS, by performance.now(). */
  #deaths: number[] = [];

  constructor(parts: AcceptorThreadsParts) {
    const { config } = parts;
    this.#parts = parts;
    this.#cells = limitCells(config);
    this.#slots = Array.from({ length: config.http.acceptors }, (_, acceptor) => ({
      thread: this.#start(acceptor),
      replaced: [],
    }));
  }

  get port(): number {
    return this.#port;
  }

  async listen(): Promise<void> {
    // With PORT=0 every socket would get a port of its own, so the port is determined before the acceptors open it.
    this.#port = await probePort(this.#parts.transports, this.#parts.config.http);
    await Promise.all(this.#slots.map(({ thread }) => thread.listen(this.#port)));
    if (this.#failures > 0) throw new LightscoreError('WORKER_FAILED', 'an acceptor died while the server started');
    this.#listening = true;
  }

  /** Resolves when every acceptor answers with `serving`. */
  async serve(serving: Serving): Promise<void> {
    this.#serving = serving;
    // The replacement of an acceptor that died meanwhile starts with `serving`.
    await Promise.allSettled(this.#slots.map(({ thread }) => thread.serve(serving)));
  }

  async useKeys(keys: AccessKeys): Promise<void> {
    this.#keys = keys;
    // A thread that has died gets them when it is replaced.
    await Promise.allSettled(this.#slots.map(({ thread }) => thread.useKeys(keys)));
  }

  async reloadTls(): Promise<boolean> {
    const reloaded = await Promise.all(this.#slots.map(({ thread }) => thread.reloadTls()));
    return reloaded.every(Boolean);
  }

  async startDraining(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#slots.map(({ thread }) => thread.startDraining()));
  }

  async drained(): Promise<void> {
    const drained = await Promise.allSettled(this.#slots.map(({ thread }) => thread.drain()));
    if (drained.some(({ status }) => status === 'rejected'))
      throw new LightscoreError('WORKER_FAILED', 'an acceptor died while the server drained');
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { thread } of this.#slots) thread.close();
    const abort = new AbortController();
    const timeout = pause(CLOSE_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#slots.map(({ thread }) => thread.ended)), timeout]);
    abort.abort();
  }

  /** Collects the counts of all acceptors and passes them to the metrics. */
  async count(): Promise<void> {
    await Promise.all(this.#slots.map(({ thread }) => thread.count()));
    this.#parts.metrics.showCounts(this.#slots.flatMap((slot) => countsOf(slot)).map(({ requests }) => requests));
  }

  readings(): AcceptorReadings {
    const sum = (counts: readonly AcceptorCounts[], read: (counts: AcceptorCounts) => number): number =>
      counts.reduce((total, one) => total + read(one), 0);
    const all = this.#slots.flatMap((slot) => countsOf(slot));
    return {
      waitingRows: Atomics.load(this.#cells.rows, 0),
      workers: sum(
        this.#slots.flatMap(({ thread: { latest } }) => latest ?? []),
        ({ workers }) => workers,
      ),
      // Lines are dropped by the acceptors, before they reach this thread, and by this thread's log.
      predictionLinesDropped:
        sum(all, ({ predictionLinesDropped }) => predictionLinesDropped) + this.#parts.predictions.dropped,
      acceptorFailures: this.#failures,
      acceptors: this.#slots.map((slot, i) => ({
        acceptor: i + 1,
        answers: sum(countsOf(slot), ({ requests }) => answersOf(requests)),
        busySeconds: sum(countsOf(slot), ({ busySeconds }) => busySeconds),
      })),
    };
  }

  #start(acceptor: number): AcceptorThread {
    const thread = new AcceptorThread(acceptor, this.#parts, this.#cells);
    void thread.ended.then((failure) => this.#ended(thread, failure));
    return thread;
  }

  /** Replaces a thread that has died. Its connections are lost; those of the other acceptors are not. */
  #ended(thread: AcceptorThread, failure: Error | undefined): void {
    if (this.#closing) return;
    this.#failures++;
    // During start-up `listen` fails with the reason, and the server ends.
    if (!this.#listening) return;
    const { logger } = this.#parts;
    const now = performance.now();
    this.#deaths = [...this.#deaths.filter((at) => at > now - MINUTE_MS), now];
    logger.error(
      { event: 'acceptor_failed', acceptor: thread.acceptor + 1, err: failure },
      `acceptor ${thread.acceptor + 1} died; its connections are lost`,
    );
    if (this.#draining) return;
    if (this.#deaths.length > MAX_DEATHS) {
      logger.fatal(
        { event: 'acceptors_given_up', deaths: this.#deaths.length },
        `${this.#deaths.length} acceptors died within a minute; the server ends`,
      );
      this.#parts.onGivenUp();
      return;
    }
    const slot = this.#slots[thread.acceptor];
    if (thread.latest !== undefined) slot.replaced.push(withoutConnections(thread.latest));
    slot.thread = this.#start(thread.acceptor);
    void this.#openReplacement(slot.thread);
  }

  async #openReplacement(thread: AcceptorThread): Promise<void> {
    try {
      // It gets connections as soon as it listens, so it must be able to answer first.
      if (this.#keys !== undefined) await thread.useKeys(this.#keys);
      if (this.#serving !== undefined) await thread.serve(this.#serving);
      await thread.listen(this.#port);
      this.#parts.logger.warn(
        { event: 'acceptor_replaced', acceptor: thread.acceptor + 1 },
        `acceptor ${thread.acceptor + 1} was replaced and accepts connections again`,
      );
      if (this.#draining) await thread.startDraining();
    } catch (error) {
      this.#parts.logger.error(
        { event: 'acceptor_not_replaced', acceptor: thread.acceptor + 1, err: error },
        `acceptor ${thread.acceptor + 1} could not be replaced`,
      );
      thread.close();
    }
  }
}

function countsOf({ thread, replaced }: AcceptorSlot): AcceptorCounts[] {
  return thread.latest === undefined ? replaced : [...replaced, thread.latest];
}

/** The counts of an acceptor that has died: its connections are gone. */
function withoutConnections(counts: AcceptorCounts): AcceptorCounts {
  const { requests } = counts;
  return { ...counts, requests: { ...requests, connections: { ...requests.connections, open: 0 } } };
}
