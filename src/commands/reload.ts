/** `lightscore reload`: does what SIGHUP does, and prints the outcome. */
import { Command } from 'commander';
import { type AdminFlags, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';

export function reloadCommand(): Command {
  const command = new Command('reload')
    .description(
      'make a running server serve the version that MODEL_VERSION, current.json or the highest version now gives',
    )
    .action((flags: AdminFlags) => changeAndPrint({ method: 'POST', path: '/reload' }, flags));
  return withAdminHelp(withServer(command), ['reload', 'reload --url https://scores.example.com --json']);
}
