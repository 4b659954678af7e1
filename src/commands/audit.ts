/** `lightscore audit verify`: verifies an audit trail. */
import { Command } from 'commander';
import { verifyTrail } from '../audit/verify.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';

const HELP = `
Examples:
  $ lightscore audit verify audit.jsonl
  $ lightscore audit verify audit.jsonl --json
  $ lightscore audit verify audit.jsonl --head 3f1c...   # the hash of the last entry, from the server's log
`;

export function auditCommand(): Command {
  const command = new Command('audit').description('work with an audit trail (AUDIT_LOG)').addHelpText('after', HELP);
  const verify = command
    .command('verify <file>')
    .description('verify that no entry was changed, removed, inserted or moved; otherwise name the first broken entry')
    .option(
      '--head <hash>',
      "hash that the last entry must have, from the server's log: proves that nothing was cut off at the end",
    )
    .addHelpText('after', HELP);
  withJson(verify).action((file: string, flags: JsonFlag & { head?: string }) =>
    printOutcome(flags, async () => {
      const { end, first, last } = await verifyTrail(file, { head: flags.head });
      const span = first === undefined ? '' : `, ${first} to ${last}`;
      return {
        result: { file, entries: end.sequence, first: first ?? null, last: last ?? null, head: end.hash },
        text: `${file}: the chain of ${end.sequence} entries is intact${span}; head ${end.hash}\n`,
      };
    }),
  );
  return command;
}
