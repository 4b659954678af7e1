/** `lightscore experiment`: shows, starts and ends the experiment of a running server. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { callAdmin, changeAndPrint, withAdminHelp } from './admin-client.js';

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

export function experimentCommand(): Command {
  const command = new Command('experiment').description(
    'show, start or end the experiment of a running server (lightscore promote ends it in favour of the challenger)',
  );
  command
    .command('show', { isDefault: true })
    .description('show it')
    .action(async () => {
      const { experiment } = await callAdmin<Experiment>('GET', '/experiment');
      process.stdout.write(
        experiment === null
          ? 'no experiment is running\n'
          : `${experiment.challenger} against ${experiment.champion}: ${experiment.mode}, share ${experiment.share}, since ${experiment.started} by ${experiment.started_by}\n`,
      );
    });
  command
    .command('start <version>')
    .description('start it, or change mode and share of the one that runs')
    .addOption(
      new Option(
        '--mode <mode>',
        'ab: the challenger answers its share; shadow: it scores its share and nobody sees it',
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
    .description('end it; the champion answers everything again')
    .action(() => changeAndPrint('DELETE', '/experiment'));
  return withAdminHelp(command);
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError('A number from 0 to 1, such as 0.1.');
  return share;
}
