/**
 * The Prometheus metrics: names, help texts and labels of all of them. The server counts in plain numbers, which
 * prom-client reads when `/metrics` is requested. The first three metrics have the names that the Python service gave
 * them.
 */
import { LINE_KINDS, type LineKind } from './log-destination.js';
import { Registry } from 'prom-client';
import { PROBLEMS, type ProblemCode } from '../contract/problem.js';
import type { BatchObserver } from '../scoring/batcher.js';
import { ConnectionCounts, type ConnectionReading } from './connection-counts.js';
import { Distribution, Tally } from './counts.js';
import {
  type Counted,
  type ModelCounts,
  ModelMetrics,
  type ModelName,
  type ShadowCounts,
  ShadowMetrics,
  type ShadowName,
} from './model-metrics.js';
import { PrometheusMetrics } from './prometheus.js';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const SECONDS = [
  0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
];
const LAG_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
/** The bound just below 1 lets every quantile read 1 where all batches have one row. */
const ROWS = [0.999999, 1, 2, 4, 8, 16, 32, 64, 128, 256];
const LOAD_SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** The counters of an acceptor, as plain data that can be sent between threads. */
export interface RequestCounts {
  readonly durations: Counted;
  readonly lag: Counted;
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

/** Figures of one acceptor. */
export interface AcceptorReading {
  /** From 1. */
  readonly acceptor: number;
  readonly answers: number;
  /** Time that its event loop did not spend waiting. */
  readonly busySeconds: number;
}

const SWAP_KINDS = ['reload', 'activate', 'rollback', 'promote'] as const;
export type SwapKind = (typeof SWAP_KINDS)[number];
const LOAD_OUTCOMES = ['loaded', 'refused', 'failed'] as const;
/** What every route can answer with; their series exist from the start, so that a first burst is seen as one. */
const STATUSES = [200, 400, 500, 503];
/** A version's series end so long after it has lost its role: longer than the ranges of alerts and panels. */
const RETIRED_MS = 15 * 60_000;

/** A version that has a role. */
export interface ModelReading {
  readonly role: 'champion' | 'previous' | 'challenger';
  readonly [label: string]: string;
}

/** Figures that are read at each scrape rather than counted here. */
export interface Readings {
  readonly transport: string;
  readonly acceptors: readonly AcceptorReading[];
  readonly acceptorFailures: number;
  readonly waitingRows: number;
  readonly workers: number;
  readonly sharedBytes: { readonly used: number; readonly total: number };
  readonly predictionLinesDropped: number;
  readonly models: readonly ModelReading[];
  /** The registry's versions, counted by state. */
  readonly modelStates: Readonly<Record<string, number>>;
  /** Settings and store name another version than the champion. */
  readonly namedIsNotServed: boolean;
  readonly experiment: { readonly challenger: string; readonly mode: string; readonly share: number } | undefined;
  readonly audit: { readonly failures: number; readonly waiting: number; readonly lost: number };
  /** By kind, in lines; predictions among them. */
  readonly logLinesLost: Readonly<Record<LineKind, number>>;
  /** The log's destination refuses what is written. */
  readonly logBroken: boolean;
  readonly ready: boolean;
}

export class Metrics implements Omit<BatchObserver, 'delivered' | 'answerFailed'> {
  readonly durations = new Distribution(SECONDS);
  readonly connections = new ConnectionCounts();
  /** How late timers run: what a request waits for before it is read. */
  readonly lag = new Distribution(LAG_SECONDS);
  readonly #retiredMs: number;
  readonly #rejects = new Tally<ProblemCode>(Object.keys(PROBLEMS) as ProblemCode[]);
  /** Keyed by route, then by status. */
  readonly #answers = new Map<string, Tally<number>>();
  readonly #loads = new Tally<(typeof LOAD_OUTCOMES)[number]>(LOAD_OUTCOMES);
  readonly #loadSeconds = new Distribution(LOAD_SECONDS);
  readonly #swaps = new Tally<SwapKind>(SWAP_KINDS);
  #lastSwap = 0;
  #pollFailures = 0;
  #failedPollsInRow = 0;
  readonly #shadows = new Map<string, ShadowMetrics>();
  readonly #batchRows = new Distribution(ROWS);
  readonly #waits = new Distribution(SECONDS);
  #inlineBatches = 0;
  #workerFailures = 0;
  readonly #models = new Map<string, ModelMetrics>();

  /** @param retiredMs how long the series of a version outlive its role */
  constructor(retiredMs = RETIRED_MS) {
    this.#retiredMs = retiredMs;
  }

  /** A route that can be asked for. */
  expectRoute(route: string): void {
    const statuses = this.#statusesOf(route);
    for (const status of STATUSES) statuses.add(status, 0);
  }

  /** Other models get roles, those that are asked for next; the series of all others end in time. */
  changeModels(): void {
    const now = performance.now();
    for (const metrics of [...this.#models.values(), ...this.#shadows.values()]) metrics.retiredAt ??= now;
  }

  #dropRetired(): void {
    const before = performance.now() - this.#retiredMs;
    for (const all of [this.#models, this.#shadows])
      for (const [key, { retiredAt }] of all) if (retiredAt !== undefined && retiredAt <= before) all.delete(key);
  }

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

  /** @param outcome `refused`: the version itself is at fault; `failed`: the store or the server is */
  loadFailed(outcome: 'refused' | 'failed'): void {
    this.#loads.add(outcome);
  }

  swapped(kind: SwapKind): void {
    this.#swaps.add(kind);
    this.#lastSwap = Date.now() / 1000;
  }

  pollFailed(): void {
    this.#pollFailures++;
    this.#failedPollsInRow++;
  }

  /** The store was read, and what it names is served or was refused for good. */
  pollSucceeded(): void {
    this.#failedPollsInRow = 0;
  }

  /** The counters of a challenger in shadow mode; the same ones for the same pair of versions. */
  ofShadow({ modelVersion, champion }: ShadowName): ShadowMetrics {
    const key = `${modelVersion}\n${champion}`;
    let metrics = this.#shadows.get(key);
    if (metrics === undefined) {
      metrics = new ShadowMetrics({ modelVersion, champion });
      this.#shadows.set(key, metrics);
    }
    metrics.retiredAt = undefined;
    return metrics;
  }

  /** The counters of a version in a role; the same ones for the same version and role. */
  ofModel({ modelVersion, variant }: ModelName): ModelMetrics {
    const key = `${modelVersion}\n${variant}`;
    let metrics = this.#models.get(key);
    if (metrics === undefined) {
      metrics = new ModelMetrics({ modelVersion, variant });
      this.#models.set(key, metrics);
    }
    metrics.retiredAt = undefined;
    return metrics;
  }

  /** The counters so far, as data that can be sent between threads. */
  counts(): RequestCounts {
    this.#dropRetired();
    return {
      durations: this.durations,
      lag: this.lag,
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

  /** Replaces the counters of requests by the sums of those of acceptors on other threads. */
  showCounts(all: readonly RequestCounts[]): void {
    for (const distribution of [this.durations, this.lag, this.#batchRows, this.#waits]) distribution.clear();
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
    this.lag.add(counts.lag);
    this.connections.add(counts.connections);
    this.#batchRows.add(counts.batchRows);
    this.#waits.add(counts.waits);
    for (const [code, count] of counts.rejects) this.#rejects.add(code, count);
    for (const [route, statuses] of counts.answers)
      for (const [status, count] of statuses) this.#statusesOf(route).add(status, count);
    this.#inlineBatches += counts.inlineBatches;
    this.#workerFailures += counts.workerFailures;
    for (const model of counts.models) this.ofModel(model).add(model);
    for (const shadow of counts.shadows) this.ofShadow(shadow).add(shadow);
  }

  #statusesOf(route: string): Tally<number> {
    let statuses = this.#answers.get(route);
    if (statuses === undefined) this.#answers.set(route, (statuses = new Tally()));
    return statuses;
  }

  /** A registry that reads these counters; `readings` is called at each scrape. */
  registry(readings: () => Readings): Registry {
    const metrics = new PrometheusMetrics();
    this.#definePredictions(metrics);
    this.#defineBatches(metrics, readings);
    this.#defineRequests(metrics);
    this.#defineModels(metrics, readings);
    this.#defineExperiments(metrics, readings);
    this.#defineAudit(metrics, readings);
    this.#defineProcess(metrics, readings);
    this.#defineConnections(metrics, readings);
    return metrics.registry;
  }

  #defineConnections(metrics: PrometheusMetrics, readings: () => Readings): void {
    metrics.gauge({
      name: 'lightscore_connections_open',
      help: 'Connections that are open',
      read: (report) => report({}, this.connections.reading.open),
    });
    metrics.counter({
      name: 'lightscore_connections_total',
      help: 'Connections that were opened',
      read: (report) => report({}, this.connections.reading.opened),
    });
    metrics.counter({
      name: 'lightscore_connections_refused_total',
      help: 'Connections that were closed at once because MAX_CONNECTIONS were open',
      read: (report) => report({}, this.connections.reading.refused),
    });
    metrics.counter({
      name: 'lightscore_malformed_requests_total',
      help: 'Requests that the HTTP parser refused, by reason (TRANSPORT=node; uWebSockets.js does not report them)',
      labelNames: ['reason'],
      read: (report) => this.connections.reading.malformed.forEach(([reason, count]) => report({ reason }, count)),
    });
    metrics.gauge({
      name: 'lightscore_transport_info',
      help: 'The HTTP server in use (TRANSPORT)',
      labelNames: ['transport'],
      read: (report) => report({ transport: readings().transport }, 1),
    });
  }

  #definePredictions(metrics: PrometheusMetrics): void {
    const all = (): ModelMetrics[] => [...this.#models.values()];
    metrics.counter({
      name: 'predictions_total',
      help: 'Rows scored and answered',
      labelNames: ['model_version', 'variant'],
      read: (report) => all().forEach((model) => report(model.labels, model.predictions)),
    });
    metrics.histogram({
      name: 'prediction_duration_seconds',
      help:
        'Time of a scoring request from when the event loop reads its last byte to its answer, ' +
        'refusals under load and requests given up included; what waits before it is read is not in it',
      read: () => [[{}, this.durations]],
    });
    metrics.gauge({
      name: 'model_confidence_score',
      help: 'Latest confidence score',
      labelNames: ['model_version', 'variant'],
      read: (report) => all().forEach((model) => report(model.labels, model.latestScore)),
    });
    metrics.histogram({
      name: 'lightscore_confidence_score',
      help: 'Confidence scores answered',
      read: () => all().map((model) => [model.labels, model.scores] as const),
    });
  }

  #defineBatches(metrics: PrometheusMetrics, readings: () => Readings): void {
    metrics.histogram({
      name: 'lightscore_batch_rows',
      help: 'Rows of each batch',
      read: () => [[{}, this.#batchRows]],
    });
    metrics.histogram({
      name: 'lightscore_queue_wait_seconds',
      help: 'Time the first row of each batch waited to be scored',
      read: () => [[{}, this.#waits]],
    });
    metrics.gauge({
      name: 'lightscore_queue_rows',
      help: 'Rows waiting for a worker',
      read: (report) => report({}, readings().waitingRows),
    });
    metrics.counter({
      name: 'lightscore_inline_batches_total',
      help: "Batches scored on the acceptor's own thread (SCORING=auto or inline)",
      read: (report) => report({}, this.#inlineBatches),
    });
  }

  #defineRequests(metrics: PrometheusMetrics): void {
    metrics.counter({
      name: 'lightscore_http_requests_total',
      help: 'Requests answered',
      labelNames: ['route', 'status'],
      read: (report) => {
        for (const [route, statuses] of this.#answers)
          for (const [status, count] of statuses.entries) report({ route, status: `${status}` }, count);
      },
    });
    metrics.counter({
      name: 'lightscore_rejects_total',
      help: 'Requests refused, by reason',
      labelNames: ['reason'],
      read: (report) => this.#rejects.entries.forEach(([code, count]) => report({ reason: code.toLowerCase() }, count)),
    });
  }

  #defineModels(metrics: PrometheusMetrics, readings: () => Readings): void {
    metrics.counter({
      name: 'lightscore_model_loads_total',
      help: 'Loads of a version: loaded, refused because of the version, or failed because of the store or the server',
      labelNames: ['outcome'],
      read: (report) => this.#loads.entries.forEach(([outcome, count]) => report({ outcome }, count)),
    });
    metrics.histogram({
      name: 'lightscore_model_load_seconds',
      help: 'Time from the request to load a version until it was warm',
      read: () => [[{}, this.#loadSeconds]],
    });
    metrics.counter({
      name: 'lightscore_model_swaps_total',
      help: 'Changes of the champion, by kind',
      labelNames: ['kind'],
      read: (report) => this.#swaps.entries.forEach(([kind, count]) => report({ kind }, count)),
    });
    metrics.gauge({
      name: 'lightscore_model_swap_timestamp_seconds',
      help: 'When the champion was last changed',
      read: (report) => report({}, this.#lastSwap),
    });
    metrics.counter({
      name: 'lightscore_store_poll_failures_total',
      help: 'Polls of the store (MODEL_POLL_SECONDS) that failed, or found a version that was refused',
      read: (report) => report({}, this.#pollFailures),
    });
    metrics.gauge({
      name: 'lightscore_store_consecutive_poll_failures',
      help: 'Polls of the store that failed since the last one that did not',
      read: (report) => report({}, this.#failedPollsInRow),
    });
    metrics.gauge({
      name: 'lightscore_model_info',
      help: 'The versions that have a role',
      labelNames: [
        'role',
        'model_version',
        'calibration_version',
        'feature_set_version',
        'strategy',
        'trees',
        'sha256',
      ],
      read: (report) => readings().models.forEach((model) => report({ ...model }, 1)),
    });
    metrics.gauge({
      name: 'lightscore_models',
      help: 'Versions known to this server, by state',
      labelNames: ['state'],
      read: (report) => Object.entries(readings().modelStates).forEach(([state, count]) => report({ state }, count)),
    });
    metrics.gauge({
      name: 'lightscore_store_version_not_served',
      help: '1 while settings and store name a version that is not the champion: refused, or another one was activated',
      read: (report) => report({}, Number(readings().namedIsNotServed)),
    });
  }

  #defineExperiments(metrics: PrometheusMetrics, readings: () => Readings): void {
    const shadows = (): ShadowMetrics[] => [...this.#shadows.values()];
    metrics.gauge({
      name: 'lightscore_experiment_share',
      help: 'Share of the requests that the challenger scores, while an experiment runs',
      labelNames: ['challenger', 'mode'],
      read: (report) => {
        const { experiment } = readings();
        if (experiment === undefined) return;
        report({ challenger: experiment.challenger, mode: experiment.mode }, experiment.share);
      },
    });
    metrics.histogram({
      name: 'lightscore_shadow_confidence_score',
      help: 'Scores of a challenger in shadow mode, which are not part of any answer',
      read: () => shadows().map((shadow) => [shadow.labels, shadow.scores] as const),
    });
    metrics.histogram({
      name: 'lightscore_shadow_score_difference',
      help: "Challenger's score minus the champion's, on the same rows",
      read: () => shadows().map((shadow) => [shadow.labels, shadow.differences] as const),
    });
    metrics.counter({
      name: 'lightscore_shadow_dropped_total',
      help: 'Rows that a challenger in shadow mode did not score, because the server was busy',
      labelNames: ['model_version', 'champion'],
      read: (report) => shadows().forEach((shadow) => report(shadow.labels, shadow.dropped)),
    });
  }

  #defineAudit(metrics: PrometheusMetrics, readings: () => Readings): void {
    metrics.counter({
      name: 'lightscore_audit_failures_total',
      help: 'Failed writes of the audit trail (AUDIT_LOG)',
      read: (report) => report({}, readings().audit.failures),
    });
    metrics.counter({
      name: 'lightscore_audit_lost_total',
      help: 'Entries that are missing from the audit trail: lost by this process, or found missing when it started',
      read: (report) => report({}, readings().audit.lost),
    });
    metrics.gauge({
      name: 'lightscore_audit_waiting',
      help: 'Entries that are not in the audit trail yet, as its disk refuses them',
      read: (report) => report({}, readings().audit.waiting),
    });
  }

  /** Acceptors, workers, memory and log. */
  #defineProcess(metrics: PrometheusMetrics, readings: () => Readings): void {
    metrics.counter({
      name: 'lightscore_acceptor_requests_total',
      help: 'Requests answered by each acceptor (ACCEPTORS)',
      labelNames: ['acceptor'],
      read: (report) =>
        readings().acceptors.forEach(({ acceptor, answers }) => report({ acceptor: `${acceptor}` }, answers)),
    });
    metrics.counter({
      name: 'lightscore_acceptor_busy_seconds_total',
      help: "Time that each acceptor's event loop was busy: near 1 per second means saturated",
      labelNames: ['acceptor'],
      read: (report) =>
        readings().acceptors.forEach(({ acceptor, busySeconds }) => report({ acceptor: `${acceptor}` }, busySeconds)),
    });
    metrics.histogram({
      name: 'lightscore_event_loop_lag_seconds',
      help: "How late the acceptors' event loops are, sampled every 20 ms: what requests wait for before they are read",
      read: () => [[{}, this.lag]],
    });
    metrics.counter({
      name: 'lightscore_acceptor_failures_total',
      help: 'Acceptors that died and were replaced',
      read: (report) => report({}, readings().acceptorFailures),
    });
    metrics.gauge({
      name: 'lightscore_ready',
      help: '1 while a model is served and the server is not draining',
      read: (report) => report({}, readings().ready ? 1 : 0),
    });
    metrics.gauge({
      name: 'lightscore_workers',
      help: 'Scoring workers',
      read: (report) => report({}, readings().workers),
    });
    metrics.counter({
      name: 'lightscore_worker_failures_total',
      help: 'Batches whose worker died',
      read: (report) => report({}, this.#workerFailures),
    });
    metrics.gauge({
      name: 'lightscore_shared_memory_bytes',
      help: 'Memory shared by all workers: used by boosters and lanes, and in total',
      labelNames: ['kind'],
      read: (report) => {
        const { used, total } = readings().sharedBytes;
        report({ kind: 'used' }, used);
        report({ kind: 'total' }, total);
      },
    });
    metrics.counter({
      name: 'lightscore_prediction_log_dropped_total',
      help: 'Prediction events that were not written: the log was not read fast enough, or not at all',
      read: (report) => report({}, readings().logLinesLost.prediction),
    });
    metrics.counter({
      name: 'lightscore_log_lines_lost_total',
      help: 'Lines of the log that were not written, by kind; predictions give way first, audit lines and errors last',
      labelNames: ['kind'],
      read: (report) => {
        const { logLinesLost } = readings();
        for (const kind of LINE_KINDS) report({ kind }, logLinesLost[kind]);
      },
    });
    metrics.gauge({
      name: 'lightscore_log_broken',
      help: 'Whether the last write of the log failed: its disk is full, or its reader is gone',
      read: (report) => report({}, Number(readings().logBroken)),
    });
  }
}

/** The number of requests answered, over all routes and statuses. */
export function answersOf({ answers }: RequestCounts): number {
  return answers.flatMap(([, statuses]) => statuses).reduce((sum, [, count]) => sum + count, 0);
}
