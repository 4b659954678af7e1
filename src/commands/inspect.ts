/** `lightscore inspect`: describes a model and how the kernel would run it. */
import { Command } from 'commander';
import { describeInspection } from './inspect-text.js';
import { inspect } from './inspection.js';
import { checkFolder } from '../loading/check.js';
import { ModelFolder } from '../loading/model-folder.js';
import { type JsonFlag, printOutcome, withJson } from './output.js';

const HELP = `
Prints objective, trees, features with their importance, the strategy that the kernel would choose and why, the size of
the compiled image, calibrator, metadata and checksums, then warnings about what needs attention. The folder needs only
lightgbm_model.txt, but the command ends with 1 and the server's own sentence where a server would refuse the version.
The path of a model text works too; whether it would be served is then not asked.

Examples:
  $ lightscore inspect models/v1.0.0
  $ lightscore inspect lightgbm_model.txt
  $ lightscore inspect models/v1.0.0 --json | jq '.features[0]'
`;

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .summary('describe a model')
    .description('describe a model and how the kernel would run it')
    .argument('<model>', 'folder of one version, or a model text')
    .addHelpText('after', HELP);
  return withJson(command).action((path: string, flags: JsonFlag) =>
    printOutcome(flags, async () => {
      const folder = await ModelFolder.open(path);
      const refused = folder.isVersion ? (await checkFolder(path)).refused : undefined;
      const inspection = await inspect(folder, refused);
      return { result: inspection, text: describeInspection(inspection), error: refused };
    }),
  );
}
