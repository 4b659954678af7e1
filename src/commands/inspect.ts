/** `lightscore inspect`: describes a model and how the kernel would run it. */
import { Command } from 'commander';
import { describeInspection } from './inspect-text.js';
import { inspect } from './inspection.js';
import { ModelFolder } from '../loading/model-folder.js';

const HELP = `
Prints objective, trees, features with their importance, the strategy that the kernel would choose and why, the size of
the compiled image, calibrator, metadata and checksums, then warnings about anything that would keep the model from
being served or that needs attention. The folder needs only lightgbm_model.txt; the path of a model text works too.

Examples:
  $ lightscore inspect models/v1.0.0
  $ lightscore inspect lightgbm_model.txt
  $ lightscore inspect models/v1.0.0 --json | jq '.features[0]'
`;

export function inspectCommand(): Command {
  return new Command('inspect')
    .summary('describe a model')
    .description('describe a model and how the kernel would run it')
    .argument('<model>', 'folder of one version, or a model text')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action(async (path: string, { json }: { readonly json: boolean }) => {
      const inspection = await inspect(await ModelFolder.open(path));
      process.stdout.write(json ? `${JSON.stringify(inspection, null, 2)}\n` : describeInspection(inspection));
    });
}
