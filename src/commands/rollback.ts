/** `lightscore rollback`: back to the version before, at once. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function rollbackCommand(): Command {
  return withAdminHelp(
    new Command('rollback')
      .description(
        'have a running server serve the version before again; what the store names is ignored until it changes',
      )
      .action(() => changeAndPrint('POST', '/rollback')),
  );
}
