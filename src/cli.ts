#!/usr/bin/env node
/** The command line: names the commands and ends with the right exit code. */
import { Command, CommanderError } from 'commander';
import { serveCommand } from './commands/serve.js';
import { LightscoreError } from './errors.js';
import { VERSION } from './server.js';

const program = new Command('lightscore')
  .description('Serve LightGBM models: scores bit-identical to LightGBM, over HTTP and from the shell.')
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError('(lightscore --help shows what there is)');
program.addCommand(serveCommand());
for (const command of program.commands) command.exitOverride().showHelpAfterError(`(lightscore ${command.name()} --help shows its options)`);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof LightscoreError) {
    for (const line of error.message.split('\n')) process.stderr.write(`lightscore: ${line}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
