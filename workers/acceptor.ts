/**
 * An acceptor on a thread of its own (ACCEPTORS > 1): sockets, bodies, batches and workers are its own; models, limits
 * and the log are shared.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { AdoptedModels } from '../src/acceptors/adopted-models.js';
import { Channel, sendable } from '../src/acceptors/channel.js';
import { FrontEnd } from '../src/acceptors/acceptor.js';
import { LeasedMemory } from '../src/acceptors/leased-memory.js';
import { sharedLimits } from '../src/acceptors/limits.js';
import type { AcceptorCounts, AcceptorSpeech, AcceptorWorkerData, MainSpeech } from '../src/acceptors/messages.js';
import { RelayedLines } from '../src/acceptors/relayed-lines.js';
import { ScoringPool } from '../src/scoring/pool.js';
import { PredictionLog } from '../src/telemetry/log.js';
import { Metrics } from '../src/telemetry/metrics.js';

if (parentPort === null) throw new Error('an acceptor runs on a thread that the server starts');
const port = parentPort;
const { config, acceptor, workers, module, memory, cells, lease, predictionSample } = workerData as AcceptorWorkerData;

const channel = new Channel<AcceptorSpeech, MainSpeech>(port, {
  answer: {
    listen: (listenPort) => front.listen(listenPort),
    serve: (serving) => models.adopt(serving),
    startDraining: () => front.startDraining(),
    drain: async () => {
      await front.drained();
      predictions.flush();
    },
    counts: () => counts(),
  },
  take: { close: () => void close() },
});
const limits = sharedLimits(config, cells, acceptor);
const leased = new LeasedMemory(memory, lease);
const models = new AdoptedModels(leased, config.http.acceptors);
const metrics = new Metrics();
const predictions = new PredictionLog(
  new RelayedLines(limits.lineCharacters, (lines, count) => channel.note('lines', { lines, count })),
  predictionSample,
);
const front = new FrontEnd({
  config,
  limits,
  metrics,
  predictions,
  pool: new ScoringPool(workers, { module, memory: leased }),
  serving: () => models.serving,
  administrator: {
    call: (call) => channel.ask('administer', call),
    noteRefused: (method, path, address) => channel.note('adminRefused', { method, path, address }),
  },
  scrape: () => channel.ask('scrape', undefined),
  logger: {
    error: (fields, message) =>
      channel.note('error', {
        fields: 'err' in fields ? { ...fields, err: sendable(fields['err']) } : fields,
        message,
      }),
  },
});
leased.started();

function counts(): AcceptorCounts {
  const { workers: alive, predictionLinesDropped, acceptors } = front.readings();
  return { requests: metrics.counts(), workers: alive, predictionLinesDropped, busySeconds: acceptors[0].busySeconds };
}

/**
 * Lets the thread end by itself: a thread that ends while uWebSockets.js has sockets open takes the process with it.
 */
async function close(): Promise<void> {
  await front.close();
  predictions.flush();
  lease.port.close();
  port.close();
}

process.on('uncaughtException', (error) => {
  channel.note('failed', { error: sendable(error), counts: counts() });
  void close();
});
