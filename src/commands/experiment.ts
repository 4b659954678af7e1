/** `lightscore experiment`: shows, starts and ends the experiment of a running server. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { callAdmin, changeAndPrint, withAdminHelp } from './admin-client.js';

interface Experiment {
  readonly champion: string;
  readonly challenger: string;
  readonly mode: 'ab' | 'shadow';
  readonly share: number;
  readonly started: string;
  readonly started_by: string;
}

export function experimentCommand(): Command {
  const command = new Command('experiment').description(
    'show, start or end the experiment of a running server (lightscore promote ends it in favour of the challenger)',
  );
  command
    .command('show', { isDefault: true })
    .description('show the experiment')
    .action(async () => {
      const { experiment } = await callAdmin<{ readonly experiment: Experiment | null }>('GET', '/experiment');
      process.stdout.write(experiment === null ? 'no experiment is running\n' : `${describe(experiment)}\n`);
    });
  command
    .command('start <version>')
    .description('start an experiment, or change the mode and share of the running one')
    .addOption(
      new Option(
        '--mode <mode>',
        'ab: the challenger answers its share of the requests; shadow: it scores them, but does not answer',
      )
        .choices(['ab', 'shadow'])
        .default('ab'),
    )
    .requiredOption('--share <share>', 'share of the requests, 0 to 1', parseShare)
    .action((version: string, { mode, share }: { mode: string; share: number }) =>
      changeAndPrint('PUT', '/experiment', { version, mode, share }),
    );
  command
    .command('abort')
    .description('end the experiment; the champion answers all requests again')
    .action(() => changeAndPrint('DELETE', '/experiment'));
  return withAdminHelp(command);
}

function describe({ champion, challenger, mode, share, started, started_by: by }: Experiment): string {
  return `${challenger} against ${champion}: ${mode}, share ${share}, since ${started} by ${by}`;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError('A number from 0 to 1, such as 0.1.');
  return share;
}
