/**
 * What an acceptor's thread runs (ACCEPTORS > 1). Sockets, bodies, batches and workers belong to the acceptor; models,
 * limits and the log are shared with the other acceptors through the main thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { chooseTransport } from '../http/choose-transport.js';
import { ScoringPool } from '../scoring/pool.js';
import { PredictionLog } from '../telemetry/log.js';
import { Metrics } from '../telemetry/metrics.js';
import { Acceptor } from './acceptor.js';
import { AdoptedModels } from './adopted-models.js';
import { Channel, sendable } from './channel.js';
import { LeasedMemory } from './leased-memory.js';
import { sharedLimits } from './limits.js';
import type { AcceptorCounts, AcceptorMessages, AcceptorWorkerData, MainMessages } from './messages.js';
import { RelayedLines } from './relayed-lines.js';

/** @param port to the main thread */
export async function runAcceptorThread(port: MessagePort, data: AcceptorWorkerData): Promise<void> {
  const { config, acceptor: index, workers, module, memory, cells, lease, predictionSample } = data;
  const transports = await chooseTransport(config.http);
  const channel = new Channel<AcceptorMessages, MainMessages>(port, {
    requests: {
      listen: (listenPort) => acceptor.listen(listenPort),
      serve: (serving) => models.adopt(serving),
      startDraining: () => acceptor.startDraining(),
      drain: async () => {
        await acceptor.drained();
        predictions.flush();
      },
      useKeys: (keys) => acceptor.useKeys(keys),
      reloadTls: () => acceptor.reloadTls(),
      counts: () => counts(),
    },
    notifications: { close: () => void close() },
  });
  const log = (level: 'error' | 'warn' | 'info', fields: Readonly<Record<string, unknown>>, message: string): void => {
    const plain = 'err' in fields ? { ...fields, err: sendable(fields['err']) } : fields;
    channel.notify('log', { level, fields: plain, message });
  };
  const limits = sharedLimits(config, cells, index);
  const leased = new LeasedMemory(memory, lease);
  const models = new AdoptedModels(leased, config.http.acceptors);
  const metrics = new Metrics();
  const relayed = new RelayedLines(limits.lineCharacters, (lines, count) => channel.notify('lines', { lines, count }));
  const predictions = new PredictionLog(relayed, predictionSample);
  const acceptor = new Acceptor({
    config,
    transports,
    limits,
    metrics,
    predictions,
    pool: new ScoringPool(workers, { module, memory: leased }),
    serving: () => models.serving,
    administrator: {
      call: (call) => channel.request('administer', call),
      noteRefused: (call) => channel.notify('adminRefused', call),
    },
    scrape: () => channel.request('scrape', undefined),
    logger: {
      error: (fields, message) => log('error', fields, message),
      warn: (fields, message) => log('warn', fields, message),
      info: (fields, message) => log('info', fields, message),
    },
  });
  leased.started();

  const counts = (): AcceptorCounts => countsOf(acceptor, metrics);

  /** Lets the thread end by itself: ending it while uWebSockets.js has open sockets would abort the whole process. */
  const close = async (): Promise<void> => {
    await acceptor.close();
    predictions.flush();
    lease.port.close();
    port.close();
  };

  process.on('uncaughtException', (error) => {
    channel.notify('failed', { error: sendable(error), counts: counts() });
    void close();
  });
}

function countsOf(acceptor: Acceptor, metrics: Metrics): AcceptorCounts {
  const { workers, predictionLinesDropped, acceptors } = acceptor.readings();
  return { requests: metrics.counts(), workers, predictionLinesDropped, busySeconds: acceptors[0].busySeconds };
}
