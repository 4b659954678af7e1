/** `npm run load -- SCENARIO`: loads a server and reports; ends with 1 if a limit is missed. `--help` says more. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { CommanderError } from 'commander';
import { projectRoot } from '../test/support/project.js';
import { totalSeconds } from './load/schedule.js';
import { writeLoadPage } from './report/load-page.js';
import { type LoadReport, summarise } from './report/load-report.js';
import { writeText } from './report/load-text.js';
import { runAutocannon } from './scenarios/autocannon.js';
import { type LoadOptions, readLoadOptions } from './scenarios/options.js';
import { checkedRequests, scenarioRequests } from './scenarios/requests.js';
import { type Scenario, changed, readScenarios } from './scenarios/scenarios.js';
import { type Run, checkOpenLoop, runOpenLoop, warmUp } from './scenarios/tools.js';
import { DEMO_MODEL, chooseTraffic, fromHere } from './scenarios/traffic.js';
import { DoesNotFit } from './traffic/does-not-fit.js';
import { loadKnownModels } from './traffic/known-model.js';
import { askServer } from './traffic/server-facts.js';

/** Load average past which something else is running. */
const BUSY = 0.5 * availableParallelism();
/** A report has about this many intervals, none shorter than a second. */
const INTERVALS = 120;

const say = (line: string): void => void process.stderr.write(`load: ${line}\n`);

function options(): LoadOptions {
  try {
    return readLoadOptions(process.argv.slice(2), readScenarios());
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) say(error.message.replace(/^error: /, ''));
    process.exit(error.exitCode === 0 ? 0 : 2);
  }
}

/** A server that was started for this run, or one that runs already. */
interface Server {
  readonly origin: string;
  readonly stop: () => Promise<void>;
}

async function serverOf({ url, model }: LoadOptions): Promise<Server> {
  if (url !== undefined) return { origin: url, stop: () => Promise.resolve() };
  // Only here, as it takes Linux's own functions when it is imported.
  const { startCheckout } = await import('./servers/process.js');
  const [{ folder }] = await loadKnownModels(model ?? DEMO_MODEL);
  const env = { MODEL_DIR: dirname(resolve(folder)), MODEL_VERSION: basename(folder) };
  const server = await startCheckout({ name: 'the server', folder: projectRoot }, env);
  say(`started a server with ${fromHere(folder)} on ${server.origin}`);
  return { origin: server.origin, stop: () => server.stop() };
}

async function run(given: LoadOptions, scenario: Scenario, { origin }: Server): Promise<LoadReport | undefined> {
  const { scenario: name, tool, writeRequests } = given;
  const key = process.env['LIGHTSCORE_API_KEY'];
  const headers: Record<string, string> = key === undefined ? {} : { 'X-API-Key': key };
  const server = await askServer(origin);
  const traffic = await chooseTraffic(server, given);
  const wanted = scenarioRequests(scenario, traffic);
  const { requests, check } = await checkedRequests(server, wanted, { traffic, headers });
  if (writeRequests !== undefined) {
    writeFileSync(writeRequests, JSON.stringify(requests));
    say(`wrote ${requests.length} requests to ${writeRequests}`);
    return undefined;
  }
  const { stages, connections, limits, about } = scenario;
  const seconds = totalSeconds(stages);
  say(`${origin} serves ${server.version}; ${name} takes ${Math.round(warmUp(stages).seconds + seconds)} s`);
  const plan: Run = {
    origin,
    headers,
    requests,
    connections,
    stages,
    intervalSeconds: Math.max(1, Math.ceil(seconds / INTERVALS)),
  };
  const [busy] = loadavg();
  if (busy > BUSY)
    say(`other programs keep this machine busy (load average ${busy.toFixed(1)}): latencies are theirs too`);
  const when = new Date().toISOString();
  const result = tool === 'open-loop' ? await runOpenLoop(plan) : await runAutocannon(plan);
  return summarise(result, {
    scenario: name,
    about,
    when,
    machine:
      `${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}, ` +
      `load average ${busy.toFixed(1)} at the start`,
    connections,
    server: `${origin} serves ${server.version} with ${traffic.featureNames.length} features`,
    rowsFrom: traffic.rowsFrom,
    check,
    limits,
    tool,
  });
}

function write(report: LoadReport, { out, json }: LoadOptions): void {
  const text = writeText(report);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'report.txt'), text);
  writeFileSync(join(out, 'report.html'), writeLoadPage(report));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(text);
  say(`report: ${join(out, 'report.html')}`);
}

const given = options();
const scenario = changed(readScenarios()[given.scenario], { ...given, p99Ms: given.p99 });
try {
  if (given.url !== undefined && given.tool === 'open-loop') checkOpenLoop(given.url);
  const server = await serverOf(given);
  try {
    const report = await run(given, scenario, server);
    if (report !== undefined) write(report, given);
    process.exitCode = report?.met === false ? 1 : 0;
  } finally {
    await server.stop();
  }
} catch (error) {
  if (!(error instanceof DoesNotFit)) throw error;
  say(error.message);
  process.exitCode = 2;
}
