/** `lightscore rollback`: serves the previous version again, at once. */
import { Command } from 'commander';
import { type AdminFlags, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';

export function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description(
      'make a running server serve the previous version again; it ignores the version that the store names ' +
        'until that changes',
    )
    .action((flags: AdminFlags) => changeAndPrint({ method: 'POST', path: '/rollback' }, flags));
  return withAdminHelp(withServer(command), ['rollback', 'rollback --url https://scores.example.com --json']);
}
