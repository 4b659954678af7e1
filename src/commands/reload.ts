/** `lightscore reload`: what SIGHUP does, with an answer. */
import { Command } from 'commander';
import { changeAndPrint, withAdminHelp } from './admin-client.js';

export function reloadCommand(): Command {
  return withAdminHelp(
    new Command('reload')
      .description('have a running server serve what MODEL_VERSION, current.json or the highest version names now')
      .action(() => changeAndPrint('POST', '/reload')),
  );
}
