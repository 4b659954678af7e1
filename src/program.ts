/** The command line: finds the command, runs it, and sets the exit code. */
import { Command, CommanderError } from 'commander';
import { EXIT_CODES, LightscoreError } from './errors.js';
import { VERSION } from './version.js';

const AFTER_HELP = `
Examples:
  $ lightscore serve --model-dir models --port 8000
  $ lightscore check models/v1.0.0
  $ lightscore serve --help

Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, what]) => `  ${code}  ${what}`)
  .join('\n')}
`;

const program = new Command('lightscore')
  .description('Serve LightGBM models: scores bit-identical to LightGBM, over HTTP and from the shell.')
  .version(VERSION)
  // Options before the command's name belong to the program, options after it to the command: `train --version v1.2.0`.
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(lightscore --help lists the commands)')
  .addHelpText('after', AFTER_HELP);

/** The commands, in the order of the help. Only the requested one is imported: `serve` needs no parquet reader. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.js')).serveCommand(),
  score: async () => (await import('./commands/score.js')).scoreCommand(),
  inspect: async () => (await import('./commands/inspect.js')).inspectCommand(),
  verify: async () => (await import('./commands/verify.js')).verifyCommand(),
  check: async () => (await import('./commands/check.js')).checkCommand(),
  data: async () => (await import('./commands/data.js')).dataCommand(),
  train: async () => (await import('./commands/train.js')).trainCommand(),
  publish: async () => (await import('./commands/publish.js')).publishCommand(),
  point: async () => (await import('./commands/point.js')).pointCommand(),
  models: async () => (await import('./commands/models.js')).modelsCommand(),
  reload: async () => (await import('./commands/reload.js')).reloadCommand(),
  rollback: async () => (await import('./commands/rollback.js')).rollbackCommand(),
  experiment: async () => (await import('./commands/experiment.js')).experimentCommand(),
  promote: async () => (await import('./commands/promote.js')).promoteCommand(),
  audit: async () => (await import('./commands/audit.js')).auditCommand(),
  sign: async () => (await import('./commands/sign.js')).signCommand(),
};
const requested = process.argv[2] ?? '';
for (const [name, load] of Object.entries(COMMANDS)) {
  if (requested === name || !Object.hasOwn(COMMANDS, requested)) program.addCommand(await load());
}
const configure = (command: Command, name: string): void => {
  command.exitOverride().showHelpAfterError(`(${name} --help lists its options)`);
  for (const sub of command.commands) configure(sub, `${name} ${sub.name()}`);
};
for (const command of program.commands) configure(command, `lightscore ${command.name()}`);

// The reader of the output, such as `head`, may close it early. A terminal that is closed (EIO) shows nothing any more,
// and a server goes on without it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  if (error.code !== 'EIO') throw error;
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
