/** `lightscore audit verify`: verifies an audit trail. */
import { Command } from 'commander';
import { type VerifiedTrail, verifyTrail } from '../audit/verify.js';
import { LightscoreError } from '../errors.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';

const HELP = `
Examples:
  $ lightscore audit verify audit.jsonl
  $ lightscore audit verify audit.jsonl.1 audit.jsonl   # a trail whose file was rotated, oldest first
  $ lightscore audit verify audit.jsonl --no-gaps --json
  $ lightscore audit verify audit.jsonl --head 3f1c...   # the hash of the last entry, from the server's log
`;

interface Flags extends JsonFlag {
  readonly head?: string;
  readonly gaps: boolean;
}

export function auditCommand(): Command {
  const command = new Command('audit').description('work with an audit trail (AUDIT_LOG)').addHelpText('after', HELP);
  const verify = command
    .command('verify <file...>')
    .description(
      'verify that no entry was changed, removed, inserted or moved; otherwise name the first broken entry. ' +
        'Gaps that the trail itself records are named, too',
    )
    .option(
      '--head <hash>',
      "hash that the last entry must have, from the server's log: proves that nothing was cut off at the end",
    )
    .option('--no-gaps', 'fail also where the trail itself says that entries are missing')
    .addHelpText('after', HELP);
  withJson(verify).action((files: string[], flags: Flags) =>
    printOutcome(flags, async () => {
      const trail = await verifyTrail(files, { head: flags.head });
      const { end, entries, begins, gaps, first, last } = trail;
      const name = files.join(', ');
      const span = first === undefined ? '' : `, ${first} to ${last}`;
      const missing = missingIn(trail);
      const fails = !flags.gaps && missing.length > 0;
      return {
        result: {
          file: name,
          entries,
          begins,
          gaps,
          first: first ?? null,
          last: last ?? null,
          head: end.hash,
        },
        text:
          `${name}: the chain of ${entries} entries is intact${span}; head ${end.hash}\n` +
          missing.map((line) => `${name}: ${line}\n`).join(''),
        error: fails ? new LightscoreError('AUDIT_BROKEN', `${name}: ${missing.join('; ')}`) : undefined,
      };
    }),
  );
  return command;
}

/** What the entries of the trail themselves say is missing. */
function missingIn({ begins, gaps }: VerifiedTrail): string[] {
  const lines = gaps.map(
    ({ before, lost, time }) =>
      `${lost} ${lost === 1 ? 'entry is' : 'entries are'} missing before entry ${before}, of ${time}`,
  );
  if (begins > 1)
    lines.unshift(`begins with entry ${begins}: entries before it are in a file that was moved or deleted`);
  return lines;
}
