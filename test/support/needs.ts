/**
 * Tests that need something which a machine may lack: skipped by name where it is missing, and failing where CI=true,
 * so that no run in CI leaves them out unseen.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';

/** Something a test needs of the machine: a sentence that says what is missing, or undefined where it is there. */
export type Need = () => string | undefined;

/**
 * One of `programs` on the PATH.
 * @param install how to get it, as the end of "not found: ..."
 */
export function program(programs: readonly string[], install: string): Need {
  return () =>
    programs.some((name) => findProgram(name) !== undefined)
      ? undefined
      : `${programs.join(' or ')} not found: ${install}`;
}

/** Where a program is on the PATH; undefined where it is not. */
export function findProgram(name: string): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** `test` of node:test, for a test that needs what `needs` name. */
export function testWith(needs: readonly Need[], name: string, body: (t: TestContext) => Promise<void> | void): void {
  const missing = needs.flatMap((need) => need() ?? []).join('; ');
  if (missing === '') test(name, body);
  else if (process.env['CI'] === 'true') test(name, () => Promise.reject(new Error(missing)));
  else test(name, { skip: missing }, () => undefined);
}
