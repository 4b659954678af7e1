/**
 * What a command prints: text for people, or with --json one JSON object on standard output. The object has the members
 * of the result, and `error` exactly where the command ends with another exit code than 0.
 */
import { type Command, Option } from 'commander';
import { LightscoreError } from '../errors.js';

/** What a command has found or done. */
export interface Outcome {
  /** What --json prints; its names are in snake_case. */
  readonly result: object;
  /** What is printed otherwise; empty where that was printed on the way. */
  readonly text: string;
  /** Why the command fails although it has a result. */
  readonly error?: LightscoreError | undefined;
}

export interface JsonFlag {
  readonly json: boolean;
}

/** Adds --json to a command that prints with `printOutcome`. */
export function withJson(command: Command): Command {
  return command.addOption(new Option('--json', 'print one JSON object').default(false, 'text'));
}

/**
 * Runs a command and prints its outcome.
 * @throws what `run` throws, and the outcome's error; with --json, standard output has it already
 */
export async function printOutcome({ json }: JsonFlag, run: () => Promise<Outcome>): Promise<void> {
  const { result, text, error } = await printFailure({ json }, run);
  if (json) print({ ...result, ...(error !== undefined && { error: describe(error) }) });
  else process.stdout.write(text);
  if (error !== undefined) throw error;
}

/**
 * Runs a command that prints what it has itself, and with --json prints why it fails.
 * @throws what `run` throws
 */
export async function printFailure<T>({ json }: JsonFlag, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (json && error instanceof LightscoreError) print({ error: describe(error) });
    throw error;
  }
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function describe({ code, message }: LightscoreError): object {
  return { code, message };
}
