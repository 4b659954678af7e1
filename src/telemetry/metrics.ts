/**
 * The Prometheus metrics: names, helps and labels of all of them. The server counts in plain numbers; prom-client reads them when
 * `/metrics` is asked for. The first three carry the names of the service this replaces.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { AnswerObserver } from '../http/exchange.js';
import type { ProblemCode } from '../http/problem.js';
import type { BatchObserver } from '../scoring/batcher.js';
import { Distribution, Tally } from './counts.js';

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const SCORES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

/** What is counted of one version in one role. */
export class ModelMetrics {
  predictions = 0;
  latestScore = 0;
  readonly scores = new Distribution(SCORES);

  constructor(
    readonly modelVersion: string,
    readonly variant: string,
  ) {}

  scored(score: number): void {
    this.predictions++;
    this.latestScore = score;
    this.scores.observe(score);
  }
}

/** Figures that are read rather than counted. */
export interface Readings {
  readonly waitingRows: number;
  readonly workers: number;
  readonly sharedBytes: { readonly used: number; readonly total: number };
  readonly predictionLinesDropped: number;
  readonly model: { readonly [label: string]: string } | undefined;
  readonly ready: boolean;
}

export class Metrics implements AnswerObserver, Omit<BatchObserver, 'delivered'> {
  readonly durations = new Distribution(SECONDS);
  readonly #rejects = new Tally<ProblemCode>();
  /** By route and status. */
  readonly #answers = new Tally<string>();
  readonly reloads = new Tally<'loaded' | 'failed'>();
  readonly #batchRows = new Distribution(ROWS);
  readonly #waits = new Distribution(SECONDS);
  #inlineBatches = 0;
  #workerFailures = 0;
  readonly #models = new Map<string, ModelMetrics>();

  dispatched(rows: number, waitSeconds: number, inline: boolean): void {
    this.#batchRows.observe(rows);
    this.#waits.observe(waitSeconds);
    if (inline) this.#inlineBatches++;
  }

  answered(route: string, status: number): void {
    this.#answers.add(`${route} ${status}`);
  }

  refused(code: ProblemCode): void {
    this.#rejects.add(code);
  }

  workerFailed(): void {
    this.#workerFailures++;
  }

  /** The counters of a version in a role; the same ones for the same names. */
  ofModel(modelVersion: string, variant: string): ModelMetrics {
    const key = `${modelVersion}\n${variant}`;
    let metrics = this.#models.get(key);
    if (metrics === undefined) {
      metrics = new ModelMetrics(modelVersion, variant);
      this.#models.set(key, metrics);
    }
    return metrics;
  }

  /** A registry that reads these counters; `readings` is called at each scrape. */
  registry(readings: () => Readings): Registry {
    const registry = new Registry();
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    const counter = (name: string, help: string, labelNames: readonly string[], read: (add: (labels: Record<string, string>, value: number) => void) => void): void => {
      const metric = new Counter({
        name, help, labelNames, registers,
        collect: () => {
          metric.reset();
          read((labels, value) => metric.inc(labels, value));
        },
      });
    };
    const gauge = (name: string, help: string, labelNames: readonly string[], read: (set: (labels: Record<string, string>, value: number) => void) => void): void => {
      const metric = new Gauge({
        name, help, labelNames, registers,
        collect: () => {
          metric.reset();
          read((labels, value) => metric.set(labels, value));
        },
      });
    };
    const labelsOf = ({ modelVersion, variant }: ModelMetrics): Record<string, string> => ({ model_version: modelVersion, variant });
    const all = (): ModelMetrics[] => [...this.#models.values()];

    counter('predictions_total', 'Rows scored and answered', ['model_version', 'variant'], (add) => all().forEach((model) => add(labelsOf(model), model.predictions)));
    registerDistribution(registry, 'prediction_duration_seconds', 'Time from the last byte of a scoring request to its answer', () => [[{}, this.durations]]);
    gauge('model_confidence_score', 'Latest confidence score', ['model_version', 'variant'], (set) => all().forEach((model) => set(labelsOf(model), model.latestScore)));
    registerDistribution(registry, 'lightscore_confidence_score', 'Confidence scores answered', () => all().map((model) => [labelsOf(model), model.scores] as const));
    registerDistribution(registry, 'lightscore_batch_rows', 'Rows of each batch', () => [[{}, this.#batchRows]]);
    registerDistribution(registry, 'lightscore_queue_wait_seconds', 'Time the first row of each batch waited for it to be scored', () => [[{}, this.#waits]]);
    gauge('lightscore_queue_rows', 'Rows waiting for a worker', [], (set) => set({}, readings().waitingRows));
    counter('lightscore_inline_batches_total', 'Batches scored by the front end itself (SCORING=auto or inline)', [], (add) => add({}, this.#inlineBatches));
    counter('lightscore_http_requests_total', 'Requests answered', ['route', 'status'], (add) => {
      for (const [key, count] of this.#answers.entries) {
        const [route, status] = key.split(' ');
        add({ route, status }, count);
      }
    });
    counter('lightscore_rejects_total', 'Requests refused, by reason', ['reason'], (add) => this.#rejects.entries.forEach(([code, count]) => add({ reason: code.toLowerCase() }, count)));
    counter('lightscore_model_loads_total', 'Models loaded or refused', ['outcome'], (add) => this.reloads.entries.forEach(([outcome, count]) => add({ outcome }, count)));
    gauge('lightscore_ready', '1 while a model is served and the server is not draining', [], (set) => set({}, readings().ready ? 1 : 0));
    gauge('lightscore_model_info', 'The model served', ['model_version', 'calibration_version', 'feature_set_version', 'strategy', 'trees', 'sha256'], (set) => {
      const { model } = readings();
      if (model !== undefined) set({ ...model }, 1);
    });
    gauge('lightscore_workers', 'Scoring workers', [], (set) => set({}, readings().workers));
    counter('lightscore_worker_failures_total', 'Batches whose worker died', [], (add) => add({}, this.#workerFailures));
    gauge('lightscore_shared_memory_bytes', 'Memory shared by all workers: boosters and lanes in use, and the whole', ['kind'], (set) => {
      const { used, total } = readings().sharedBytes;
      set({ kind: 'used' }, used);
      set({ kind: 'total' }, total);
    });
    counter('lightscore_prediction_log_dropped_total', 'Prediction events dropped because the log was not read fast enough', [], (add) => add({}, readings().predictionLinesDropped));
    return registry;
  }
}

/** A Prometheus histogram over distributions that were counted elsewhere: prom-client's own can only observe. */
function registerDistribution(registry: Registry, name: string, help: string, read: () => readonly (readonly [Record<string, string>, Distribution])[]): void {
  const values = (): { metricName: string; labels: Record<string, string | number>; value: number }[] =>
    read().flatMap(([labels, distribution]) => {
      let below = 0;
      const buckets = [...distribution.bounds, '+Inf'].map((le, i) => ({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: (below += distribution.buckets[i]) }));
      return [...buckets, { metricName: `${name}_sum`, labels, value: distribution.sum }, { metricName: `${name}_count`, labels, value: below }];
    });
  const metric = { name, help, type: 'histogram', aggregator: 'sum', get: () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: values() }), reset: () => undefined };
  // registerMetric's types name prom-client's classes; at run time it asks for a name and for get().
  registry.registerMetric(metric as unknown as Gauge);
}
