/** The routes for platforms and monitoring: health, liveness, readiness and metrics. */
import { METRICS_CONTENT_TYPE } from '../../telemetry/metrics.js';
import type { Route } from '../../http/route.js';
import type { RouteContext } from '../context.js';
import { withoutQuery } from './without-query.js';

const METHODS = ['GET', 'HEAD'] as const;

export function probeRoutes(context: RouteContext): Route[] {
  const { access, administrator, config, isDraining, scrape, serving } = context;
  const metrics = withoutQuery((exchange) => {
    scrape().then(
      (text) => exchange.send('200 OK', text, [['Content-Type', METRICS_CONTENT_TYPE]]),
      (error: unknown) => exchange.fail(error),
    );
  });
  return [
    { path: '/healthz', methods: METHODS, handle: withoutQuery((exchange) => exchange.json(health(context))) },
    { path: '/livez', methods: METHODS, handle: withoutQuery((exchange) => exchange.json('{"status":"alive"}')) },
    {
      path: '/readyz',
      methods: METHODS,
      handle: withoutQuery((exchange) => {
        if (isDraining()) exchange.refuse('DRAINING');
        else if (serving() === undefined) exchange.refuse('NOT_READY');
        else exchange.json('{"status":"ready"}');
      }),
    },
    {
      path: '/metrics',
      methods: METHODS,
      handle: (exchange, head) => {
        if (!config.access.metricsAuth) {
          metrics(exchange, head);
          return;
        }
        const { method, path, query } = head;
        const { requestId } = exchange;
        const address = access.address(exchange, head);
        if (access.refuseWithoutKey(exchange, head))
          administrator.noteRefused({ method, path, query, requestId, address });
        else metrics(exchange, head);
      },
    },
  ];
}

function health({ serving }: RouteContext): string {
  const card = serving()?.champion.card;
  return JSON.stringify({
    status: 'healthy',
    model_loaded: card !== undefined,
    model_version: card?.modelVersion ?? null,
    calibration_version: card?.calibrationVersion ?? null,
    timestamp: new Date().toISOString(),
  });
}
