/** `node dist/loadtest/run-scenario.js SCENARIO`: runs it with autocannon; exits with 1 if a limit is exceeded. */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { short } from './report/section.js';
import { runScenario } from './scenarios/autocannon.js';
import { readScenarios, scenarioRequests } from './scenarios/scenarios.js';
import { startLightscore } from './servers/process.js';
import { MODEL_VERSION, loadDemoModel } from './traffic/demo-model.js';

const scenarios = readScenarios();
const NAMES = Object.entries(scenarios)
  .map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`)
  .join('\n');

interface Options {
  readonly url?: string;
  readonly timeScale: string;
  readonly writeRequests?: string;
}

const program = new Command('run-scenario')
  .description(`Runs one of these load scenarios against a server:\n${NAMES}`)
  .argument('<scenario>', 'its name')
  .option('--url <origin>', `a running server that serves test/data/models ${MODEL_VERSION}; default: starts one`)
  .option('--time-scale <factor>', 'shortens (or stretches) every stage', '1')
  .option(
    '--write-requests <file>',
    'write the requests and expected scores as JSON for loadtest/scenarios/k6.js, instead of running the scenario',
  )
  .showHelpAfterError()
  .parse();
const { url, timeScale, writeRequests } = program.opts<Options>();
const [name] = program.args;
if (!Object.hasOwn(scenarios, name))
  program.error(`there is no scenario ${name}; there are ${Object.keys(scenarios).join(', ')}`, { exitCode: 2 });

const scenario = scenarios[name];
const requests = scenarioRequests(scenario, await loadDemoModel());
if (writeRequests !== undefined) {
  writeFileSync(writeRequests, JSON.stringify(requests));
} else {
  const server = url === undefined ? await startLightscore('pool') : undefined;
  try {
    const results = await runScenario(scenario, url ?? server?.origin ?? '', requests, Number(timeScale));
    for (const { rate, answered, p50, p99, max, failed } of results) {
      process.stdout.write(
        `${name}: ${rate} req/s asked, ${short(answered)} answered, ` +
          `p50 ${p50} ms, p99 ${p99} ms, most ${max} ms, ${failed} failed\n`,
      );
    }
    const missed = results.filter(({ failed, p99 }) => failed > 0 || p99 > scenario.limits.p99Ms);
    if (missed.length > 0)
      process.stderr.write(
        `${name}: ${missed.length} of ${results.length} stages missed the limits: ` +
          `no failure, p99 at most ${scenario.limits.p99Ms} ms\n`,
      );
    process.exitCode = missed.length > 0 ? 1 : 0;
  } finally {
    await server?.stop();
  }
}
