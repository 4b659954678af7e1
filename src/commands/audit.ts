/** `lightscore audit verify`: proves that an audit trail is complete and unchanged. */
import { Command } from 'commander';
import { verifyTrail } from '../audit/verify.js';

const HELP = `
Examples:
  $ lightscore audit verify audit.jsonl
  $ lightscore audit verify audit.jsonl --head 3f1c...   # hash of the last entry in the server's log
`;

export function auditCommand(): Command {
  const command = new Command('audit').description('work with an audit trail (AUDIT_LOG)').addHelpText('after', HELP);
  command
    .command('verify <file>')
    .description('prove that no entry was changed, removed, inserted or moved, or name the first broken entry')
    .option(
      '--head <hash>',
      "hash that the last entry must have, from the server's log: proves that no entries are missing at the end",
    )
    .addHelpText('after', HELP)
    .action(async (file: string, { head }: { head?: string }) => {
      const { end, first, last } = await verifyTrail(file, head);
      const span = first === undefined ? '' : `, ${first} to ${last}`;
      process.stdout.write(`${file}: the chain of ${end.sequence} entries is whole${span}; head ${end.hash}\n`);
    });
  return command;
}
