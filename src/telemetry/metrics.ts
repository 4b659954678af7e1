/**
 * The Prometheus metrics: names, helps and labels of all of them. The server counts in plain numbers; prom-client reads
 * them when `/metrics` is asked for. The first three carry the names of the service this replaces.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { ProblemCode } from '../contract/problem.js';
import type { BatchObserver } from '../scoring/batcher.js';
import type { ShadowObserver } from '../scoring/shadow.js';
import { ConnectionCounts, type ConnectionReading } from './connection-counts.js';
import { Distribution, Tally } from './counts.js';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const LOAD_SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
const DIFFERENCES = [-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.001, 0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const SCORES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

type Labels = Readonly<Record<string, string>>;

/** What is counted of one version in one role. */
export class ModelMetrics {
  predictions = 0;
  latestScore = 0;
  readonly scores = new Distribution(SCORES);

  constructor(
    readonly modelVersion: string,
    readonly variant: string,
  ) {}

  add(counted: ModelCounts): void {
    this.predictions += counted.predictions;
    if (counted.predictions > 0) this.latestScore = counted.latestScore;
    this.scores.add(counted.scores);
  }

  get labels(): Labels {
    return { model_version: this.modelVersion, variant: this.variant };
  }

  scored(score: number): void {
    this.predictions++;
    this.latestScore = score;
    this.scores.observe(score);
  }
}

/** What is counted of one challenger in the shadow of a champion. */
export class ShadowMetrics implements ShadowObserver {
  dropped = 0;
  readonly scores = new Distribution(SCORES);
  /** Challenger's score minus champion's. */
  readonly differences = new Distribution(DIFFERENCES);

  constructor(
    readonly modelVersion: string,
    readonly champion: string,
  ) {}

  add(counted: ShadowCounts): void {
    this.dropped += counted.dropped;
    this.scores.add(counted.scores);
    this.differences.add(counted.differences);
  }

  get labels(): Labels {
    return { model_version: this.modelVersion, champion: this.champion };
  }

  compared(champion: number, challenger: number): void {
    this.scores.observe(challenger);
    this.differences.observe(challenger - champion);
  }

  missed(rows: number): void {
    this.dropped += rows;
  }
}

type Counted = Pick<Distribution, 'buckets' | 'sum'>;
type ModelCounts = Pick<ModelMetrics, 'modelVersion' | 'variant' | 'predictions' | 'latestScore'> & {
  readonly scores: Counted;
};
type ShadowCounts = Pick<ShadowMetrics, 'modelVersion' | 'champion' | 'dropped'> & {
  readonly scores: Counted;
  readonly differences: Counted;
};

/** What an acceptor counts, as plain data that can travel between threads. */
export interface RequestCounts {
  readonly durations: Counted;
  readonly connections: ConnectionReading;
  readonly batchRows: Counted;
  readonly waits: Counted;
  readonly rejects: readonly (readonly [ProblemCode, number])[];
  readonly answers: readonly (readonly [
    route: string,
    statuses: readonly (readonly [status: number, count: number])[],
  ])[];
  readonly inlineBatches: number;
  readonly workerFailures: number;
  readonly models: readonly ModelCounts[];
  readonly shadows: readonly ShadowCounts[];
}

/** What is known of one acceptor. */
export interface AcceptorReading {
  /** From 1. */
  readonly acceptor: number;
  readonly answers: number;
  /** Its event loop's time outside of waiting. */
  readonly busySeconds: number;
}

export type SwapKind = 'reload' | 'activate' | 'rollback' | 'promote';

/** A version that has a role. */
export interface ModelReading {
  readonly role: 'champion' | 'previous' | 'challenger';
  readonly [label: string]: string;
}

/** Figures that are read rather than counted. */
export interface Readings {
  readonly transport: string;
  readonly acceptors: readonly AcceptorReading[];
  readonly acceptorFailures: number;
  readonly waitingRows: number;
  readonly workers: number;
  readonly sharedBytes: { readonly used: number; readonly total: number };
  readonly predictionLinesDropped: number;
  readonly models: readonly ModelReading[];
  /** Entries of the registry by state. */
  readonly modelStates: Readonly<Record<string, number>>;
  readonly experiment: { readonly challenger: string; readonly mode: string; readonly share: number } | undefined;
  readonly auditFailures: number;
  readonly ready: boolean;
}

export class Metrics implements Omit<BatchObserver, 'delivered' | 'answerFailed'> {
  readonly durations = new Distribution(SECONDS);
  readonly connections = new ConnectionCounts();
  readonly #rejects = new Tally<ProblemCode>();
  /** By route, then status. */
  readonly #answers = new Map<string, Tally<number>>();
  readonly #loads = new Tally<'loaded' | 'refused' | 'failed'>();
  readonly #loadSeconds = new Distribution(LOAD_SECONDS);
  readonly #swaps = new Tally<SwapKind>();
  #lastSwap = 0;
  #pollFailures = 0;
  readonly #shadows = new Map<string, ShadowMetrics>();
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
    this.#statusesOf(route).add(status);
  }

  refused(code: ProblemCode): void {
    this.#rejects.add(code);
  }

  workerFailed(): void {
    this.#workerFailures++;
  }

  loaded(milliseconds: number): void {
    this.#loads.add('loaded');
    this.#loadSeconds.observe(milliseconds / 1000);
  }

  /** @param outcome `refused`: the version itself is at fault; `failed`: store or server */
  loadFailed(outcome: 'refused' | 'failed'): void {
    this.#loads.add(outcome);
  }

  swapped(kind: SwapKind): void {
    this.#swaps.add(kind);
    this.#lastSwap = Date.now() / 1000;
  }

  pollFailed(): void {
    this.#pollFailures++;
  }

  /** The counters of a challenger in the shadow of a champion; the same ones for the same names. */
  ofShadow(modelVersion: string, champion: string): ShadowMetrics {
    const key = `${modelVersion}\n${champion}`;
    let metrics = this.#shadows.get(key);
    if (metrics === undefined) {
      metrics = new ShadowMetrics(modelVersion, champion);
      this.#shadows.set(key, metrics);
    }
    return metrics;
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

  /** What an acceptor has counted so far. */
  counts(): RequestCounts {
    return {
      durations: this.durations,
      connections: this.connections.reading,
      batchRows: this.#batchRows,
      waits: this.#waits,
      rejects: this.#rejects.entries,
      answers: [...this.#answers].map(([route, statuses]) => [route, statuses.entries] as const),
      inlineBatches: this.#inlineBatches,
      workerFailures: this.#workerFailures,
      models: [...this.#models.values()],
      shadows: [...this.#shadows.values()],
    };
  }

  /** Shows what acceptors of other threads have counted, instead of what was shown before. */
  showCounts(all: readonly RequestCounts[]): void {
    for (const distribution of [this.durations, this.#batchRows, this.#waits]) distribution.clear();
    for (const tallies of [this.#rejects, ...this.#answers.values()]) tallies.clear();
    this.connections.clear();
    this.#inlineBatches = 0;
    this.#workerFailures = 0;
    this.#models.clear();
    this.#shadows.clear();
    for (const counts of all) this.addCounts(counts);
  }

  addCounts(counts: RequestCounts): void {
    this.durations.add(counts.durations);
    this.connections.add(counts.connections);
    this.#batchRows.add(counts.batchRows);
    this.#waits.add(counts.waits);
    for (const [code, count] of counts.rejects) this.#rejects.add(code, count);
    for (const [route, statuses] of counts.answers)
      for (const [status, count] of statuses) this.#statusesOf(route).add(status, count);
    this.#inlineBatches += counts.inlineBatches;
    this.#workerFailures += counts.workerFailures;
    for (const model of counts.models) this.ofModel(model.modelVersion, model.variant).add(model);
    for (const shadow of counts.shadows) this.ofShadow(shadow.modelVersion, shadow.champion).add(shadow);
  }

  #statusesOf(route: string): Tally<number> {
    let statuses = this.#answers.get(route);
    if (statuses === undefined) this.#answers.set(route, (statuses = new Tally()));
    return statuses;
  }

  /** A registry that reads these counters; `readings` is called at each scrape. */
  registry(readings: () => Readings): Registry {
    const registry = new Registry();
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    const counter: Define = (name, help, labelNames, read) => {
      const metric = new Counter({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          metric.reset();
          read((labels, value) => metric.inc(labels, value));
        },
      });
    };
    const gauge: Define = (name, help, labelNames, read) => {
      const metric = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          metric.reset();
          read((labels, value) => metric.set(labels, value));
        },
      });
    };
    const all = (): ModelMetrics[] => [...this.#models.values()];

    counter('predictions_total', 'Rows scored and answered', ['model_version', 'variant'], (add) =>
      all().forEach((model) => add(model.labels, model.predictions)),
    );
    registerDistribution(
      registry,
      'prediction_duration_seconds',
      'Time from the last byte of a scoring request to its answer',
      () => [[{}, this.durations]],
    );
    gauge('model_confidence_score', 'Latest confidence score', ['model_version', 'variant'], (set) =>
      all().forEach((model) => set(model.labels, model.latestScore)),
    );
    registerDistribution(registry, 'lightscore_confidence_score', 'Confidence scores answered', () =>
      all().map((model) => [model.labels, model.scores] as const),
    );
    registerDistribution(registry, 'lightscore_batch_rows', 'Rows of each batch', () => [[{}, this.#batchRows]]);
    registerDistribution(
      registry,
      'lightscore_queue_wait_seconds',
      'Time the first row of each batch waited for it to be scored',
      () => [[{}, this.#waits]],
    );
    gauge('lightscore_queue_rows', 'Rows waiting for a worker', [], (set) => set({}, readings().waitingRows));
    counter(
      'lightscore_inline_batches_total',
      'Batches scored by the front end itself (SCORING=auto or inline)',
      [],
      (add) => add({}, this.#inlineBatches),
    );
    counter('lightscore_http_requests_total', 'Requests answered', ['route', 'status'], (add) => {
      for (const [route, statuses] of this.#answers)
        for (const [status, count] of statuses.entries) add({ route, status: `${status}` }, count);
    });
    counter('lightscore_rejects_total', 'Requests refused, by reason', ['reason'], (add) =>
      this.#rejects.entries.forEach(([code, count]) => add({ reason: code.toLowerCase() }, count)),
    );
    this.#registerModels(registry, counter, gauge, readings);
    this.#registerConnections(counter, gauge, readings);
    counter(
      'lightscore_acceptor_requests_total',
      'Requests answered by each acceptor (ACCEPTORS)',
      ['acceptor'],
      (add) => readings().acceptors.forEach(({ acceptor, answers }) => add({ acceptor: `${acceptor}` }, answers)),
    );
    counter(
      'lightscore_acceptor_busy_seconds_total',
      "Time that each acceptor's event loop did not wait: near 1 a second it is full",
      ['acceptor'],
      (add) =>
        readings().acceptors.forEach(({ acceptor, busySeconds }) => add({ acceptor: `${acceptor}` }, busySeconds)),
    );
    counter('lightscore_acceptor_failures_total', 'Acceptors that died and were replaced', [], (add) =>
      add({}, readings().acceptorFailures),
    );
    gauge('lightscore_ready', '1 while a model is served and the server is not draining', [], (set) =>
      set({}, readings().ready ? 1 : 0),
    );
    gauge('lightscore_workers', 'Scoring workers', [], (set) => set({}, readings().workers));
    counter('lightscore_worker_failures_total', 'Batches whose worker died', [], (add) =>
      add({}, this.#workerFailures),
    );
    gauge(
      'lightscore_shared_memory_bytes',
      'Memory shared by all workers: boosters and lanes in use, and the whole',
      ['kind'],
      (set) => {
        const { used, total } = readings().sharedBytes;
        set({ kind: 'used' }, used);
        set({ kind: 'total' }, total);
      },
    );
    counter(
      'lightscore_prediction_log_dropped_total',
      'Prediction events dropped because the log was not read fast enough',
      [],
      (add) => add({}, readings().predictionLinesDropped),
    );
    return registry;
  }

  /** What is counted of connections, and which transport serves them. */
  #registerConnections(counter: Define, gauge: Define, readings: () => Readings): void {
    gauge('lightscore_connections_open', 'Connections that are open', [], (set) =>
      set({}, this.connections.reading.open),
    );
    counter('lightscore_connections_total', 'Connections that were opened', [], (add) =>
      add({}, this.connections.reading.opened),
    );
    counter(
      'lightscore_connections_refused_total',
      'Connections that were closed at once, as MAX_CONNECTIONS were open',
      [],
      (add) => add({}, this.connections.reading.refused),
    );
    counter(
      'lightscore_malformed_requests_total',
      'Requests that the parser of the node transport refused, by reason; that of uws does not tell',
      ['reason'],
      (add) => this.connections.reading.malformed.forEach(([reason, count]) => add({ reason }, count)),
    );
    gauge('lightscore_transport_info', 'What speaks HTTP (TRANSPORT)', ['transport'], (set) =>
      set({ transport: readings().transport }, 1),
    );
  }

  /** What is counted and read of versions, swaps and experiments. */
  #registerModels(registry: Registry, counter: Define, gauge: Define, readings: () => Readings): void {
    counter(
      'lightscore_model_loads_total',
      "Loads of a version: loaded, refused for its own fault, or failed for the store's or the server's",
      ['outcome'],
      (add) => this.#loads.entries.forEach(([outcome, count]) => add({ outcome }, count)),
    );
    registerDistribution(
      registry,
      'lightscore_model_load_seconds',
      'Time from the request to load a version until it was warm',
      () => [[{}, this.#loadSeconds]],
    );
    counter('lightscore_model_swaps_total', 'Changes of the version that answers', ['kind'], (add) =>
      this.#swaps.entries.forEach(([kind, count]) => add({ kind }, count)),
    );
    gauge('lightscore_model_swap_timestamp_seconds', 'When the version that answers was last changed', [], (set) =>
      set({}, this.#lastSwap),
    );
    counter(
      'lightscore_store_poll_failures_total',
      'Looks at the store (MODEL_POLL_SECONDS) that failed, or found a version that was refused',
      [],
      (add) => add({}, this.#pollFailures),
    );
    gauge(
      'lightscore_model_info',
      'The versions that have a role',
      ['role', 'model_version', 'calibration_version', 'feature_set_version', 'strategy', 'trees', 'sha256'],
      (set) => readings().models.forEach((model) => set({ ...model }, 1)),
    );
    gauge('lightscore_models', 'Versions held, by state', ['state'], (set) =>
      Object.entries(readings().modelStates).forEach(([state, count]) => set({ state }, count)),
    );
    gauge(
      'lightscore_experiment_share',
      'Share of the requests that the challenger takes part in, while an experiment runs',
      ['challenger', 'mode'],
      (set) => {
        const { experiment } = readings();
        if (experiment !== undefined)
          set({ challenger: experiment.challenger, mode: experiment.mode }, experiment.share);
      },
    );
    const shadows = (): ShadowMetrics[] => [...this.#shadows.values()];
    registerDistribution(
      registry,
      'lightscore_shadow_confidence_score',
      'Scores of a challenger in shadow, which nobody was answered',
      () => shadows().map((shadow) => [shadow.labels, shadow.scores] as const),
    );
    registerDistribution(
      registry,
      'lightscore_shadow_score_difference',
      "Challenger's score minus the champion's, on the same rows",
      () => shadows().map((shadow) => [shadow.labels, shadow.differences] as const),
    );
    counter(
      'lightscore_shadow_dropped_total',
      'Rows that a challenger in shadow was not given, under pressure',
      ['model_version', 'champion'],
      (add) => shadows().forEach((shadow) => add(shadow.labels, shadow.dropped)),
    );
    counter('lightscore_audit_failures_total', 'Failed writes of the audit trail (AUDIT_LOG)', [], (add) =>
      add({}, readings().auditFailures),
    );
  }
}

/** All answers in `counts`. */
export function answersOf({ answers }: RequestCounts): number {
  return answers.flatMap(([, statuses]) => statuses).reduce((sum, [, count]) => sum + count, 0);
}

type Define = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: (report: (labels: Labels, value: number) => void) => void,
) => void;

/** A Prometheus histogram over distributions that were counted elsewhere: prom-client's own can only observe. */
function registerDistribution(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly (readonly [Labels, Distribution])[],
): void {
  const values = (): { metricName: string; labels: Record<string, string | number>; value: number }[] =>
    read().flatMap(([labels, distribution]) => {
      let below = 0;
      const buckets = [...distribution.bounds, '+Inf'].map((le, i) => ({
        metricName: `${name}_bucket`,
        labels: { le, ...labels },
        value: (below += distribution.buckets[i]),
      }));
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: distribution.sum },
        { metricName: `${name}_count`, labels, value: below },
      ];
    });
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: values() }),
    reset: () => undefined,
  };
  // registerMetric's types name prom-client's classes; at run time it asks for a name and for get().
  registry.registerMetric(metric as unknown as Gauge);
}
