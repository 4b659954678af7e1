/** Section `explain`: throughput of `/score` with each kind of explanation, on one server in turn. */
import { type Section, median, short } from '../report/section.js';
import { startLightscore } from '../servers/process.js';
import { measure, ratio, totalCpu } from '../servers/rivals.js';
import { rowRequests } from '../traffic/bodies.js';
import { checkedSingles } from '../traffic/checked.js';
import { loadDemoModel } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';

const CONNECTIONS = 64;
const BODIES = 512;
const SEED = 5;
/** Throughput and CPU of SHAP in ratio to the default's. */
const GOAL = { throughput: 0.15, cpu: 10 } as const;

const MODES = { importance: '/score', shap: '/score?explain=shap' } as const;

export async function explainSection(effort: Effort, progress: Progress): Promise<Section> {
  const model = await loadDemoModel();
  const bodies = rowRequests({ seed: SEED, count: BODIES, featureNames: model.featureNames, examples: model.examples });
  const server = await startLightscore('pool');
  try {
    progress(`explain: ${Object.values(MODES).join(' and ')}, ${CONNECTIONS} connections`);
    const rivals = [];
    for (const [name, path] of Object.entries(MODES))
      rivals.push({ name, server, path, requests: await checkedSingles(server.origin, path, bodies, model) });
    const [importance, shap] = await measure(rivals, { connections: CONNECTIONS }, effort);
    return {
      id: 'explain',
      title: 'Explanations',
      found:
        `With ?explain=shap a server answers ${short(ratio(shap, importance, ({ throughput }) => throughput))} of ` +
        `the default's requests a second, for ${short(ratio(shap, importance, totalCpu))} times the CPU a request.`,
      about:
        `${CONNECTIONS} connections to one server, one worker, ${model.booster.trees.length} trees; the same mixed ` +
        `bodies in both modes, every answer checked. Medians of ${effort.rounds} alternating rounds of ` +
        `${effort.seconds} s; ratios are medians of the ratios of each round.`,
      tables: [
        {
          title: 'Requests a second',
          columns: ['', 'req/s', 'of the default', 'CPU us/request', 'p50 ms', 'p99 ms'],
          rows: [importance, shap].map((mode) => [
            mode.name,
            short(median(mode.throughput)),
            short(ratio(mode, importance, ({ throughput }) => throughput)),
            short(median(totalCpu(mode))),
            short(median(mode.p50)),
            short(median(mode.p99)),
          ]),
        },
      ],
      figures: [],
      targets: [
        {
          what: '/score?explain=shap throughput over /score',
          value: ratio(shap, importance, ({ throughput }) => throughput),
          bound: 'at least',
          goal: GOAL.throughput,
        },
        {
          what: 'CPU a request of /score?explain=shap over /score',
          value: ratio(shap, importance, totalCpu),
          bound: 'at most',
          goal: GOAL.cpu,
        },
      ],
    };
  } finally {
    await server.stop();
  }
}
