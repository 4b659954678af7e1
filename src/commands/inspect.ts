/** `lightscore inspect`: what a model is, and how it would be run. */
import { Command } from 'commander';
import { describeInspection } from './inspect-text.js';
import { inspect } from './inspection.js';
import { ModelFolder } from '../loading/model-folder.js';

const HELP = `
Printed are objective, trees, features with their importance, the strategy the kernel would take and why, the size of the
compiled image, calibrator, metadata and checksums, then warnings: whatever would keep the model from being served, or
deserves a look. A folder needs nothing but lightgbm_model.txt; a model text may be named itself.

Examples:
  $ lightscore inspect models/v1.0.0
  $ lightscore inspect lightgbm_model.txt
  $ lightscore inspect models/v1.0.0 --json | jq '.features[0]'
`;

export function inspectCommand(): Command {
  return new Command('inspect')
    .summary('say what a model is')
    .description('say what a model is and how it would be run')
    .argument('<model>', 'folder of one version, or a model text')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action(async (path: string, { json }: { readonly json: boolean }) => {
      const inspection = await inspect(await ModelFolder.open(path));
      process.stdout.write(json ? `${JSON.stringify(inspection, null, 2)}\n` : describeInspection(inspection));
    });
}
