/** `lightscore promote`: makes the challenger the champion. */
import { Command } from 'commander';
import { type AdminFlags, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';
import { versionArgument } from './version-argument.js';

export function promoteCommand(): Command {
  const command = new Command('promote')
    .description("end a running server's experiment in favour of the challenger")
    .option(
      '--version <version>',
      'the challenger that you mean: if another one is running, nothing is changed',
      versionArgument,
    )
    .action(({ version, ...flags }: AdminFlags & { version?: string }) => {
      const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
      return changeAndPrint({ method: 'POST', path: `/experiment/promote${query}` }, flags);
    });
  return withAdminHelp(withServer(command), [
    'promote --version v1.2.0',
    'promote --url https://scores.example.com --json',
  ]);
}
