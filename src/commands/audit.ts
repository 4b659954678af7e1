/** `lightscore audit verify`: verifies an audit trail. */
import { Command } from 'commander';
import { verifyTrail } from '../audit/verify.js';

const HELP = `
Examples:
  $ lightscore audit verify audit.jsonl
  $ lightscore audit verify audit.jsonl --head 3f1c...   # the hash of the last entry, from the server's log
`;

export function auditCommand(): Command {
  const command = new Command('audit').description('work with an audit trail (AUDIT_LOG)').addHelpText('after', HELP);
  command
    .command('verify <file>')
    .description('verify that no entry was changed, removed, inserted or moved; otherwise name the first broken entry')
    .option(
      '--head <hash>',
      "hash that the last entry must have, from the server's log: proves that nothing was cut off at the end",
    )
    .addHelpText('after', HELP)
    .action(async (file: string, { head }: { head?: string }) => {
      const { end, first, last } = await verifyTrail(file, { head });
      const span = first === undefined ? '' : `, ${first} to ${last}`;
      process.stdout.write(`${file}: the chain of ${end.sequence} entries is intact${span}; head ${end.hash}\n`);
    });
  return command;
}
