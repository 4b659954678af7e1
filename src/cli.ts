#!/usr/bin/env node
/** The command line: names the commands and ends with the right exit code. */
import { Command, CommanderError } from 'commander';
import { auditCommand } from './commands/audit.js';
import { dataCommand } from './commands/data.js';
import { experimentCommand } from './commands/experiment.js';
import { inspectCommand } from './commands/inspect.js';
import { modelsCommand } from './commands/models.js';
import { promoteCommand } from './commands/promote.js';
import { publishCommand } from './commands/publish.js';
import { reloadCommand } from './commands/reload.js';
import { rollbackCommand } from './commands/rollback.js';
import { scoreCommand } from './commands/score.js';
import { serveCommand } from './commands/serve.js';
import { signCommand } from './commands/sign.js';
import { trainCommand } from './commands/train.js';
import { verifyCommand } from './commands/verify.js';
import { LightscoreError } from './errors.js';
import { VERSION } from './server.js';

const program = new Command('lightscore')
  .description('Serve LightGBM models: scores bit-identical to LightGBM, over HTTP and from the shell.')
  .version(VERSION)
  // Options before a command's name are the program's, those behind it the command's: `train --version v1.2.0`.
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(lightscore --help shows what there is)');
program.addCommand(serveCommand()).addCommand(scoreCommand()).addCommand(inspectCommand()).addCommand(verifyCommand());
program.addCommand(dataCommand()).addCommand(trainCommand()).addCommand(publishCommand());
program.addCommand(modelsCommand()).addCommand(reloadCommand()).addCommand(rollbackCommand()).addCommand(experimentCommand()).addCommand(promoteCommand());
program.addCommand(auditCommand()).addCommand(signCommand());
const configure = (command: Command, name: string): void => {
  command.exitOverride().showHelpAfterError(`(${name} --help shows its options)`);
  for (const sub of command.commands) configure(sub, `${name} ${sub.name()}`);
};
for (const command of program.commands) configure(command, `lightscore ${command.name()}`);

// Whoever reads the output, such as head, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof LightscoreError) {
    for (const line of error.message.split('\n')) process.stderr.write(`lightscore: ${line}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
