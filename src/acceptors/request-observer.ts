/** What an acceptor does with the events of its HTTP server: counts them, and logs them at a bounded rate. */
import type { RequestObserver } from '../http/http-server.js';
import { BoundedLog } from '../telemetry/bounded-log.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface EventLogger {
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export function requestObserver(metrics: Metrics, logger: EventLogger): RequestObserver {
  const refusals = new BoundedLog((fields, message) => logger.info(fields, message));
  const malformed = new BoundedLog((fields, message) => logger.info(fields, message));
  const connections = new BoundedLog((fields, message) => logger.warn(fields, message), 1);
  return {
    answered: (route, status) => metrics.answered(route, status),
    refused: ({ code, detail, route, address, requestId, traceId }) => {
      metrics.refused(code);
      const trace = traceId === undefined ? {} : { trace_id: traceId };
      const fields = { event: 'request_refused', route, reason: code.toLowerCase(), address, request_id: requestId };
      refusals.line({ ...fields, ...trace }, detail ?? 'a request was refused');
    },
    failed: ({ error, route, requestId }) => {
      const fields = { event: 'request_failed', route, request_id: requestId, err: error };
      logger.error(fields, 'a request failed because of an internal error');
    },
    connectionOpened: () => metrics.connections.connectionOpened(),
    connectionClosed: () => metrics.connections.connectionClosed(),
    connectionRefused: () => {
      metrics.connections.connectionRefused();
      connections.line({ event: 'connection_refused' }, 'a connection was closed at once: MAX_CONNECTIONS are open');
    },
    malformed: ({ reason, address }) => {
      metrics.connections.malformed(reason);
      malformed.line({ event: 'request_malformed', reason, address }, 'what came on a connection is not HTTP');
    },
  };
}
