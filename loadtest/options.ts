/** The command line of `npm run bench`. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { projectRoot } from '../test/support/project.js';
import { type Allowance, STEP_ALLOWANCE, readAllowance } from './guard/allowance.js';

/** The section that compares this commit with another: it is part of a run only where one is named. */
export const COST = 'cost';

export interface Options {
  /** The sections to run, in order. */
  readonly names: readonly string[];
  /** The commit to compare with, as git is to look it up. */
  readonly against: string | undefined;
  readonly step: Allowance;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly out: string;
}

/** As commander gives them. */
interface Given {
  readonly only?: string;
  readonly against?: string;
  readonly allow?: string;
  readonly quick: boolean;
  readonly json?: string;
  readonly out: string;
}

/**
 * @param args what follows the program's name
 * @param sections those of a run without options
 * @throws CommanderError, with exit code 0 where help was asked for, else with one line that says what is wrong
 */
export function readOptions(args: readonly string[], sections: readonly string[]): Options {
  const known = [...sections, COST];
  const command = benchCommand(known);
  const { only, against, allow, quick, json, out } = command.parse(args, { from: 'user' }).opts<Given>();
  const names = only?.split(',') ?? (against === undefined ? sections : known);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) command.error(`there is no section ${unknown.join(', ')}; there are ${known.join(', ')}`);
  if (against === undefined && names.includes(COST))
    command.error(`the section ${COST} needs --against COMMIT: the commit to compare this one with`);
  // An option in the commit's place: commander takes it for the commit.
  if (against === '' || against?.startsWith('-') === true) command.error('--against needs a commit');
  if (against !== undefined && !names.includes(COST))
    command.error(`--against belongs to the section ${COST}, which --only leaves out`);
  if (allow !== undefined && against === undefined) command.error('--allow needs --against COMMIT');
  const step = allow === undefined ? STEP_ALLOWANCE : readAllowance(allow);
  if (step === undefined)
    return command.error(`--allow needs two percentages, such as 6,12, not ${JSON.stringify(allow)}`);
  return { names, against, step, quick, json, out };
}

function benchCommand(sections: readonly string[]): Command {
  return (
    new Command('bench')
      .description(
        'Benchmarks of Lightscore. Ratios come from one run: on a busy machine they hold better than the figures do.',
      )
      .addOption(new Option('--only <sections>', `comma-separated: ${sections.join(', ')}`))
      .option('--against <commit>', `the commit that the section ${COST} compares this one with`)
      .option(
        '--allow <percents>',
        'what CPU a request may add over that commit: with 3 headers, with 11 (default: "4,10")',
      )
      .option('--quick', 'fewer sizes and shorter rounds: a first impression in a minute or two', false)
      .option('--json <file>', 'write every figure as JSON too')
      .option('--out <folder>', 'where the report goes', join(projectRoot, 'bench-report'))
      .exitOverride()
      // The caller writes what is wrong, in one line.
      .configureOutput({ outputError: () => undefined })
  );
}
