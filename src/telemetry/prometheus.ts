/** Defines Prometheus metrics whose values are read at each scrape from counters that are kept elsewhere. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Distribution } from './counts.js';

export type Labels = Readonly<Record<string, string>>;

/** A counter or a gauge. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** Called at each scrape: reports the current value of each combination of labels. */
  readonly read: (report: (labels: Labels, value: number) => void) => void;
}

export interface HistogramDefinition {
  readonly name: string;
  readonly help: string;
  /** Called at each scrape. */
  readonly read: () => readonly (readonly [Labels, Distribution])[];
}

export class PrometheusMetrics {
  /** Also has prom-client's default metrics of the process. */
  readonly registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  counter({ name, help, labelNames = [], read }: MetricDefinition): void {
    const metric = new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => {
        metric.reset();
        read((labels, value) => metric.inc(labels, value));
      },
    });
  }

  gauge({ name, help, labelNames = [], read }: MetricDefinition): void {
    const metric = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => {
        metric.reset();
        read((labels, value) => metric.set(labels, value));
      },
    });
  }

  /** A histogram over distributions: prom-client's own histogram only accepts single observations. */
  histogram({ name, help, read }: HistogramDefinition): void {
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
    // The types of registerMetric require prom-client's classes; at run time it only needs a name and get().
    this.registry.registerMetric(metric as unknown as Gauge);
  }
}
