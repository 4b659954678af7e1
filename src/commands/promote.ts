/** `lightscore promote`: makes the challenger the champion. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function promoteCommand(): Command {
  return withAdminHelp(
    new Command('promote')
      .description("end a running server's experiment in favour of the challenger")
      .action(() => changeAndPrint('POST', '/experiment/promote')),
  );
}
