/**
 * One acceptor with all that scores for it: its batcher, its workers, its shadow queue. Everything in it belongs to one
 * thread.
 */
import type { Config } from '../config/config.js';
import { Acceptor, type Served } from '../http/http-server.js';
import { Batcher } from '../scoring/batcher.js';
import type { Regions } from '../scoring/memory.js';
import type { ScoringPool } from '../scoring/pool.js';
import { ShadowQueue } from '../scoring/shadow.js';
import { TurnClock } from '../scoring/turn-clock.js';
import type { PredictionLog } from '../telemetry/log.js';
import { PredictionLines } from '../telemetry/prediction-lines.js';
import { type Metrics, answersOf } from '../telemetry/metrics.js';
import { VERSION } from '../version.js';
import type { Front, FrontReadings } from './acceptors.js';
import type { Limits } from './limits.js';

export interface FrontEndParts extends Pick<Served, 'serving' | 'administrator' | 'scrape'> {
  readonly config: Config;
  readonly pool: ScoringPool<Regions>;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly predictions: PredictionLog;
  readonly logger: { error(fields: Readonly<Record<string, unknown>>, message: string): void };
}

export class FrontEnd implements Front {
  readonly #shadow = new ShadowQueue();
  readonly #batcher: Batcher;
  readonly #acceptor: Acceptor;

  constructor(private readonly parts: FrontEndParts) {
    const { config, pool, limits, metrics, predictions, logger, serving, administrator, scrape } = parts;
    this.#batcher = new Batcher(
      pool,
      { ...config.scoring, quotas: limits },
      {
        dispatched: (rows, waitSeconds, inline) => metrics.dispatched(rows, waitSeconds, inline),
        delivered: () => predictions.batchDone(),
        answerFailed: (error) =>
          logger.error({ event: 'answer_failed', err: error }, 'a request could not be answered with its scores'),
        workerFailed: (error) => {
          metrics.workerFailed();
          logger.error({ event: 'worker_failed', err: error }, 'a scoring worker died; its batch goes to another');
        },
      },
      this.#shadow,
    );
    predictions.lines = new PredictionLines(pool);
    this.#acceptor = new Acceptor({
      pool,
      config,
      limits,
      metrics,
      predictions,
      serving,
      administrator,
      scrape,
      batcher: this.#batcher,
      shadow: this.#shadow,
      clock: new TurnClock(),
      version: VERSION,
      logError: (error, route, requestId) =>
        logger.error(
          { event: 'request_failed', route, request_id: requestId, err: error },
          'a request could not be answered',
        ),
    });
  }

  get port(): number {
    return this.#acceptor.port;
  }

  /** @throws LightscoreError CONFIG_INVALID where the port cannot be had */
  listen(port?: number): Promise<void> {
    return this.#acceptor.listen(port);
  }

  startDraining(): Promise<void> {
    this.#acceptor.startDraining();
    return Promise.resolve();
  }

  drained(): Promise<void> {
    return this.#acceptor.drained();
  }

  async close(): Promise<void> {
    this.#acceptor.close();
    this.#batcher.close();
    this.#shadow.close();
    await this.parts.pool.close();
  }
  readings(): FrontReadings {
    const { metrics, pool, predictions } = this.parts;
    // What gathers still may be dropped too, and belongs to what was answered before this reading.
    predictions.flush();
    return {
      waitingRows: this.#batcher.waitingRows,
      workers: pool.threads.length,
      predictionLinesDropped: predictions.dropped,
      acceptors: [
        {
          acceptor: 1,
          answers: answersOf(metrics.counts()),
          busySeconds: performance.eventLoopUtilization().active / 1000,
        },
      ],
      acceptorFailures: 0,
    };
  }
}
