/**
 * One acceptor: an HTTP server with its own batcher, scoring workers and shadow queue. All of its state belongs to one
 * thread.
 */
import { AccessControl, type AccessKeys } from '../access/access-control.js';
import type { Config } from '../config/config.js';
import { publishProblemsAt } from '../contract/problem.js';
import { AccessGate } from '../http/access-gate.js';
import { BodyReader } from '../http/body.js';
import type { TransportKind } from '../http/choose-transport.js';
import { HttpServer } from '../http/http-server.js';
import type { RouteContext } from '../protocols/context.js';
import { allRoutes } from '../protocols/routes.js';
import { type BatchObserver, Batcher } from '../scoring/batcher.js';
import type { Regions } from '../scoring/memory.js';
import type { ScoringPool } from '../scoring/pool.js';
import { ShadowQueue } from '../scoring/shadow.js';
import { TurnClock } from '../scoring/turn-clock.js';
import { LagSampler } from '../telemetry/lag-sampler.js';
import type { PredictionLog } from '../telemetry/log.js';
import { type Metrics, answersOf } from '../telemetry/metrics.js';
import { PredictionLines } from '../telemetry/prediction-lines.js';
import type { AcceptorReadings, Acceptors } from './acceptors.js';
import type { Limits } from './limits.js';
import { type EventLogger, requestObserver } from './request-observer.js';

export interface AcceptorParts extends Pick<RouteContext, 'serving' | 'administrator' | 'scrape'> {
  readonly transports: TransportKind;
  readonly config: Config;
  readonly pool: ScoringPool<Regions>;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly predictions: PredictionLog;
  readonly logger: EventLogger;
}

export class Acceptor implements Acceptors {
  readonly #parts: AcceptorParts;
  readonly #shadow = new ShadowQueue();
  readonly #batcher: Batcher;
  readonly #bodies: BodyReader;
  readonly #server: HttpServer;
  readonly #access: AccessControl;
  readonly #lag: LagSampler;

  constructor(parts: AcceptorParts) {
    const { config, transports, pool, limits, metrics, predictions, logger } = parts;
    const { access, http, scoring } = config;
    publishProblemsAt(http.publicUrl ?? '');
    this.#parts = parts;
    this.#batcher = new Batcher(pool, { ...scoring, quotas: limits }, observerOf(parts), this.#shadow);
    this.#bodies = new BodyReader(http, limits.partialBytes);
    predictions.lines = new PredictionLines(pool);
    const server = new HttpServer(transports.create(http), http, limits.connections, requestObserver(metrics, logger));
    this.#server = server;
    this.#access = new AccessControl(access, limits.rate);
    const routes = allRoutes({
      ...parts,
      access: new AccessGate(this.#access, http.trustedProxies),
      bodies: this.#bodies,
      batcher: this.#batcher,
      shadow: this.#shadow,
      isDraining: () => server.draining,
      clock: new TurnClock(),
    });
    for (const { path } of routes) metrics.expectRoute(path);
    server.serve(routes);
    this.#lag = new LagSampler(metrics.lag);
  }

  get port(): number {
    return this.#server.port;
  }

  /** @throws LightscoreError CONFIG_INVALID if the port cannot be opened */
  listen(port?: number): Promise<void> {
    return this.#server.listen(port);
  }

  startDraining(): Promise<void> {
    this.#server.startDraining();
    return Promise.resolve();
  }

  drained(): Promise<void> {
    return this.#server.drained();
  }

  useKeys(keys: AccessKeys): Promise<void> {
    this.#access.replaceKeys(keys);
    return Promise.resolve();
  }

  reloadTls(): Promise<boolean> {
    return Promise.resolve(this.#server.reloadTls());
  }

  async close(): Promise<void> {
    this.#lag.stop();
    this.#bodies.close();
    this.#server.close();
    this.#batcher.close();
    this.#shadow.close();
    await this.#parts.pool.close();
  }

  readings(): AcceptorReadings {
    const { metrics, pool, predictions } = this.#parts;
    // Lines that still wait may be dropped when they are written, and must be counted with this reading.
    predictions.flush();
    const answers = answersOf(metrics.counts());
    const busySeconds = performance.eventLoopUtilization().active / 1000;
    return {
      waitingRows: this.#batcher.waitingRows,
      workers: pool.threads.length,
      predictionLinesDropped: predictions.dropped,
      acceptors: [{ acceptor: 1, answers, busySeconds }],
      acceptorFailures: 0,
    };
  }
}

function observerOf({ logger, metrics, predictions }: AcceptorParts): BatchObserver {
  return {
    dispatched: (rows, waitSeconds, inline) => metrics.dispatched(rows, waitSeconds, inline),
    delivered: () => predictions.batchDone(),
    answerFailed: (error) =>
      logger.error({ event: 'answer_failed', err: error }, 'the scores of a request could not be sent'),
    workerFailed: (error) => {
      metrics.workerFailed();
      logger.error({ event: 'worker_failed', err: error }, 'a scoring worker died; another one scores its batch');
    },
  };
}
