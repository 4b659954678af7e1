/** `lightscore rollback`: serves the previous version again, at once. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function rollbackCommand(): Command {
  return withAdminHelp(
    new Command('rollback')
      .description(
        'make a running server serve the previous version again; it ignores the version that the store names ' +
          'until that changes',
      )
      .action(() => changeAndPrint('POST', '/rollback')),
  );
}
