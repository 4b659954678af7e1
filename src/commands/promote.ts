/** `lightscore promote`: makes the challenger the champion. */
import { Command } from 'commander';
import { type AdminFlags, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';

export function promoteCommand(): Command {
  const command = new Command('promote')
    .description("end a running server's experiment in favour of the challenger")
    .action((flags: AdminFlags) => changeAndPrint({ method: 'POST', path: '/experiment/promote' }, flags));
  return withAdminHelp(withServer(command), ['promote', 'promote --url https://scores.example.com --json']);
}
