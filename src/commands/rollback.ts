/** `lightscore rollback`: returns to the previous version at once. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function rollbackCommand(): Command {
  return withAdminHelp(
    new Command('rollback')
      .description(
        'make a running server serve the previous version again, and ignore the version in the store until it changes',
      )
      .action(() => changeAndPrint('POST', '/rollback')),
  );
}
