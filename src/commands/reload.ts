/** `lightscore reload`: does what SIGHUP does, and prints the outcome. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function reloadCommand(): Command {
  return withAdminHelp(
    new Command('reload')
      .description(
        'make a running server serve the version that MODEL_VERSION, current.json or the highest version now gives',
      )
      .action(() => changeAndPrint('POST', '/reload')),
  );
}
