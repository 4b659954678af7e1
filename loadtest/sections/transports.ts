/** Section `transports`: throughput and CPU of `/score` on each HTTP transport, and of Node's own server alone. */
import { type Section, median, short } from '../report/section.js';
import { startBareNode, startLightscore } from '../servers/process.js';
import { type Measured, type Rival, measure, ratio, totalCpu, typicalAnswer } from '../servers/rivals.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles, constantAnswers } from '../traffic/checked.js';
import { loadDemoModel } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;
const BODIES = 512;
const SEED = 7;
/** Requests a second of the node transport over the bare Node server's; its CPU a request over uWebSockets.js'. */
const GOAL = { ofBareNode: 0.8, cpuOverUws: 2.5 } as const;

export async function transportsSection(effort: Effort, progress: Progress): Promise<Section> {
  progress(`transports: uws, node and Node's server alone, ${CONNECTIONS} connections`);
  const rivals: Rival[] = [];
  try {
    await startAll(rivals);
    return report(await measure(rivals, { connections: CONNECTIONS }, effort), effort);
  } finally {
    await Promise.all(rivals.map(({ server }) => server.stop()));
  }
}

/** Adds each server to `rivals` once it runs. */
async function startAll(rivals: Rival[]): Promise<void> {
  const { featureNames, examples, ...model } = await loadDemoModel();
  const bodies = rowRequests({ seed: SEED, count: BODIES, featureNames, examples });
  for (const TRANSPORT of ['uws', 'node']) {
    const rival = { name: TRANSPORT, path: '/score', server: await startLightscore('auto', { TRANSPORT }) };
    const at = rivals.push({ ...rival, requests: [] }) - 1;
    const requests = await checkedSingles(rival.server.origin, '/score', bodies, { featureNames, examples, ...model });
    rivals[at] = { ...rival, requests };
  }
  const [{ server, requests }] = rivals;
  const answer = await typicalAnswer(server, requests);
  const bare = { name: 'bare node', path: '/score', server: await startBareNode(answer) };
  rivals.push({ ...bare, requests: constantAnswers(requests, answer) });
}

const throughput = (rival: Measured): readonly number[] => rival.throughput;

function report([uws, node, bare]: readonly Measured[], effort: Effort): Section {
  const ofBareNode = ratio(node, bare, throughput);
  const cpuOverUws = ratio(node, uws, totalCpu);
  return {
    id: 'transports',
    title: 'Transports',
    found:
      `With Node's own server a request takes ${short(cpuOverUws)} times the CPU of one with uWebSockets.js; ` +
      `${short(ofBareNode)} of the requests a second that Node's server alone answers.`,
    about:
      `${CONNECTIONS} connections, each sending its next request when it has its answer; SCORING=auto; the same ` +
      'mixed bodies for all, every answer checked. "bare node" is node:http with JSON.parse and a constant answer of ' +
      `the same size. Medians of ${effort.rounds} alternating rounds of ${effort.seconds} s; ratios are medians of ` +
      'the ratios of each round.',
    tables: [
      {
        title: 'Requests a second',
        columns: ['', 'req/s', 'of bare node', 'CPU us/request', 'of uws (CPU)', 'p50 ms', 'p99 ms'],
        rows: [uws, node, bare].map((rival) => [
          rival.name,
          short(median(rival.throughput)),
          short(ratio(rival, bare, throughput)),
          short(median(totalCpu(rival))),
          short(ratio(rival, uws, totalCpu)),
          short(median(rival.p50)),
          short(median(rival.p99)),
        ]),
      },
    ],
    figures: [],
    targets: [
      {
        what: 'node transport: /score throughput over bare node',
        value: ofBareNode,
        bound: 'at least',
        goal: GOAL.ofBareNode,
      },
      {
        what: 'node transport: CPU a request over uws',
        value: cpuOverUws,
        bound: 'at most',
        goal: GOAL.cpuOverUws,
      },
    ],
  };
}
