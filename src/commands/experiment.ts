/** `lightscore experiment`: shows, starts and ends the experiment of a running server. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type AdminFlags, callAdmin, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';
import { printOutcome } from './output.js';
import { versionArgument } from './version-argument.js';

interface Experiment {
  readonly experiment: {
    readonly champion: string;
    readonly challenger: string;
    readonly mode: 'ab' | 'shadow';
    readonly share: number;
    readonly started: string;
    readonly started_by: string;
  } | null;
}

interface StartFlags extends AdminFlags {
  readonly mode: string;
  readonly share: number;
  readonly replaces?: string;
  readonly new?: boolean;
}

export function experimentCommand(): Command {
  const command = new Command('experiment').description(
    'show, start or end the experiment of a running server (lightscore promote ends it in favour of the challenger)',
  );
  const show = command.command('show', { isDefault: true }).description('show the experiment');
  withServer(show).action((flags: AdminFlags) =>
    printOutcome(flags, async () => {
      const result = await callAdmin<Experiment>({ method: 'GET', path: '/experiment' }, flags);
      const { experiment } = result;
      return { result, text: experiment === null ? 'no experiment is running\n' : `${describe(experiment)}\n` };
    }),
  );
  const start = command
    .command('start')
    .argument('<version>', 'the challenger', versionArgument)
    .description('start an experiment, or change mode and share of the running one')
    .addOption(
      new Option(
        '--mode <mode>',
        'ab: the challenger answers its share; shadow: it scores its share, but clients do not see its scores',
      )
        .choices(['ab', 'shadow'])
        .default('ab'),
    )
    .requiredOption('--share <share>', 'share of the requests, 0 to 1', parseShare)
    .option(
      '--replaces <version>',
      'the challenger that you expect: if another is running, nothing is changed',
      versionArgument,
    )
    .addOption(new Option('--new', 'if an experiment is running, nothing is changed').conflicts('replaces'));
  withServer(start).action((version: string, flags: StartFlags) => {
    const { mode, share, replaces = flags.new === true ? null : undefined } = flags;
    const body = { version, mode, share, ...(replaces !== undefined && { replaces }) };
    return changeAndPrint({ method: 'PUT', path: '/experiment', body }, flags);
  });
  const abort = command.command('abort').description('end the experiment; the champion answers every request again');
  withServer(abort).action((flags: AdminFlags) => changeAndPrint({ method: 'DELETE', path: '/experiment' }, flags));
  const examples = [
    'experiment start v1.2.0 --mode shadow --share 1 --new',
    'experiment start v1.2.0 --share 0.2 --replaces v1.2.0',
    'experiment --json',
    'experiment abort',
  ];
  for (const each of [command, ...command.commands]) withAdminHelp(each, examples);
  return command;
}

function describe(experiment: NonNullable<Experiment['experiment']>): string {
  const { challenger, champion, mode, share, started, started_by: startedBy } = experiment;
  return `${challenger} against ${champion}: ${mode}, share ${share}, since ${started} by ${startedBy}`;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError('It must be a number from 0 to 1, such as 0.1.');
  return share;
}
