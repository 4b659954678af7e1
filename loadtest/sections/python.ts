/** Section `python`: throughput against the Python service that Lightscore replaces, one process each. */
import { type Section, median, short, span } from '../report/section.js';
import { PYTHON, missingPython, startFastApi } from '../servers/fastapi.js';
import { type Measured, measure, ratio, startRivals, throughputFigure } from '../servers/rivals.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles } from '../traffic/checked.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;
const GOAL = 25;

const HEAD = { id: 'python', title: 'Against the Python service' } as const;

export async function pythonSection(effort: Effort, progress: Progress): Promise<Section> {
  const missing = missingPython();
  if (missing !== undefined) {
    progress(`python: skipped, ${PYTHON}: ${missing}`);
    return {
      ...HEAD,
      about: `Not measured: ${PYTHON} cannot run it (${missing}).`,
      tables: [],
      figures: [],
      targets: [],
    };
  }
  const { rivals, model, stop } = await startRivals(['pool', 'auto']);
  const fastapi = await startFastApi().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  try {
    progress('python: the FastAPI service of one process');
    const bodies = rowRequests({ seed: 1, count: 512, featureNames: model.featureNames, examples: model.examples });
    // The same tree walk checks the service's scores, because Lightscore reproduces scikit-learn's interpolation.
    const requests = await checkedSingles(fastapi.origin, '/score', bodies, model);
    const [python, ...lightscore] = await measure(
      [{ name: 'FastAPI, LightGBM, 1 process', server: fastapi, path: '/score', requests }, ...rivals.slice(1)],
      { connections: CONNECTIONS },
      effort,
    );
    return report(python, lightscore);
  } finally {
    await Promise.all([stop(), fastapi.stop()]);
  }
}

function report(python: Measured, lightscore: readonly Measured[]): Section {
  const times = (rival: Measured): number => ratio(rival, python, ({ throughput }) => throughput);
  return {
    ...HEAD,
    found:
      `Lightscore answers ${span(lightscore.map(times))} times the requests of the Python service, ` +
      `whose one process answers ${short(median(python.throughput))} a second.`,
    about:
      'The service of loadtest/servers/fastapi_service.py under uvicorn, one process, no access log, LightGBM on ' +
      `one thread; ${CONNECTIONS} connections, the same mixed bodies, every answer checked. One Lightscore ` +
      'process, one worker.',
    tables: [
      {
        title: 'Requests a second',
        columns: ['', 'req/s', 'times the Python service', 'CPU us/request', 'p50 ms', 'p99 ms'],
        rows: [python, ...lightscore].map((rival) => [
          rival.name,
          short(median(rival.throughput)),
          short(times(rival)),
          short(median(rival.mainCpu) + median(rival.otherCpu)),
          short(median(rival.p50)),
          short(median(rival.p99)),
        ]),
      },
    ],
    figures: [throughputFigure([python, ...lightscore])],
    targets: lightscore.map((rival) => ({
      what: `/score throughput, SCORING=${rival.name}: times the Python service's`,
      value: times(rival),
      bound: 'at least',
      goal: GOAL,
    })),
  };
}
