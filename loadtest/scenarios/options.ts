/** The command line of `npm run load`. */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { projectRoot } from '../../test/support/project.js';
import type { Scenario } from './scenarios.js';

export type Tool = 'open-loop' | 'autocannon';

export interface LoadOptions {
  readonly scenario: string;
  /** Without a path; undefined starts a server. */
  readonly url: string | undefined;
  readonly model: string | undefined;
  readonly rows: string | undefined;
  readonly rate: number | undefined;
  readonly duration: number | undefined;
  readonly connections: number | undefined;
  readonly p99: number | undefined;
  readonly tool: Tool;
  readonly json: string | undefined;
  readonly out: string;
  readonly writeRequests: string | undefined;
}

const EXAMPLES = `
Examples:
  $ npm run load -- constant
        starts a server with the demo model (models/v1.0.0) and loads it
  $ npm run load -- constant --url http://localhost:8000
        loads a server that runs, whatever its model is
  $ npm run load -- ramp --url http://localhost:8000 --model models/v1.0.0
        and compares every score, bit for bit, with the plain tree walk of that model
  $ npm run load -- burst --url http://localhost:8000 --rows rows.csv --rate 3000 --duration 60
        sends the rows of a file: a JSON array, JSON lines, or CSV with a header
  $ npm run load -- constant --url http://localhost:8000 --model models/v1.0.0 --write-requests requests.json
  $ k6 run -e SCENARIO=constant -e REQUESTS=requests.json -e URL=http://localhost:8000 loadtest/scenarios/k6.js
        the same requests, sent by k6

Before any load the server is asked what it serves, and each request is sent once.
Environment: LIGHTSCORE_API_KEY is sent as X-API-Key, for a server with API_KEYS.
Exit codes: 0 all limits are met; 1 a limit is missed; 2 the command line is wrong, or server, model
and rows do not fit.
`;

/**
 * @param args what follows the program's name
 * @throws CommanderError, with exit code 0 where help was asked for, else with one line that says what is wrong
 */
export function readLoadOptions(args: readonly string[], scenarios: Readonly<Record<string, Scenario>>): LoadOptions {
  const command = loadCommand(scenarios);
  command.parse(args, { from: 'user' });
  const [scenario] = command.args;
  if (!Object.hasOwn(scenarios, scenario))
    command.error(`there is no scenario ${scenario}; there are ${Object.keys(scenarios).join(', ')}`);
  return { scenario, ...command.opts<Omit<LoadOptions, 'scenario'>>() };
}

function loadCommand(scenarios: Readonly<Record<string, Scenario>>): Command {
  const list = Object.entries(scenarios).map(([name, { about }]) => `  ${name.padEnd(9)} ${about}`);
  return (
    new Command('load')
      .usage('SCENARIO [options]')
      .description(
        'Loads a server, checks every answer, and reports latencies over time. The limits of a scenario are ' +
          `those that\nthe demo model meets on two shared cores. Scenarios:\n\n${list.join('\n')}`,
      )
      .argument('<scenario>', 'its name')
      .option(
        '--url <url>',
        'a server that runs; without it one is started, with --model or the demo model',
        readOrigin,
      )
      .option('--model <dir>', "the served model's folder, or the folder of all versions: its scores are checked")
      .option('--rows <file>', 'rows to send: JSON array, JSON lines or CSV; by default they are drawn from the model')
      .option('--rate <n>', 'requests a second of the busiest stage; the other stages in proportion', positive)
      .option('--duration <s>', 'seconds of all stages together', positive)
      .option('--connections <n>', 'connections to the server', positiveInteger)
      .option('--p99 <ms>', 'the limit of the p99, instead of that of the scenario', positive)
      .addOption(
        new Option('--tool <name>', 'what sends the requests')
          .choices(['open-loop', 'autocannon'])
          .default('open-loop'),
      )
      .option('--json <file>', 'write every figure as JSON too')
      .option('--out <folder>', 'where report.html and report.txt go', join(projectRoot, 'load-report'))
      .option('--write-requests <file>', 'write the requests and their right scores for k6, and send no load')
      .addHelpText('after', EXAMPLES)
      .exitOverride()
      // The caller writes what is wrong, in one line.
      .configureOutput({ outputError: () => undefined })
  );
}

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new InvalidArgumentError('it is no URL such as http://localhost:8000.');
  if (url.pathname !== '/' || url.search !== '') throw new InvalidArgumentError(`leave out the path: ${url.origin}.`);
  return url.origin;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('it is no number above 0.');
  return value;
}

function positiveInteger(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('it is no whole number.');
  return value;
}
