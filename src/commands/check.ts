/** `lightscore check`: says whether a server would serve a version. */
import { Command } from 'commander';
import { type Flags, readLoadRules } from '../config/config.js';
import { type Checked, checkFolder } from '../loading/check.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';
import { addSettings, settingsGiven } from './serve-options.js';

const HELP = `
Runs what \`lightscore serve\` runs before it serves a version: reads every file, verifies checksums and signature,
parses and compiles the model, and compares scores with the plain tree walk, with self_check.json and with native
LightGBM, where the two exist. Ends with 1 and the server's own sentence where the version would be refused.

Examples:
  $ lightscore check models/v1.0.0
  $ lightscore check models                     # the version that serve would choose there
  $ lightscore check models/v1.0.0 --json
`;

export function checkCommand(): Command {
  const command = new Command('check')
    .summary('say whether a server would serve a version')
    .description('load a version as a server would, and say whether it would be served')
    .argument('<folder>', 'folder of one version, or of versions');
  addSettings(command, [
    'MODEL_VERSION',
    'MODEL_REQUIRE_CHECKSUMS',
    'MODEL_PUBLIC_KEY',
    'MODEL_REQUIRE_SIGNED_POINTER',
  ]);
  return withJson(command)
    .addHelpText('after', HELP)
    .action((folder: string, flags: JsonFlag) => printOutcome(flags, () => check(folder, settingsGiven(command))));
}

async function check(folder: string, flags: Flags): Promise<Outcome> {
  const checked = await checkFolder(folder, readLoadRules(process.env, flags));
  const { version, loaded, refused } = checked;
  const result = {
    folder,
    version: version ?? null,
    served: refused === undefined,
    warnings: loaded?.warnings ?? [],
    self_check_rows: loaded === undefined ? null : rowsOf(loaded.selfCheck),
  };
  return { result, text: describe(checked), error: refused };
}

const rowsOf = ({ treeWalk, trainer, native }: NonNullable<Checked['loaded']>['selfCheck']): object => ({
  tree_walk: treeWalk,
  trainer,
  native,
});

function describe({ version, loaded }: Checked): string {
  if (loaded === undefined) return '';
  const { card, selfCheck, warnings } = loaded;
  const counts = [
    `${selfCheck.treeWalk} rows of the plain tree walk`,
    ...(selfCheck.trainer > 0 ? [`${selfCheck.trainer} of self_check.json`] : []),
    ...(selfCheck.native > 0 ? [`${selfCheck.native} of native LightGBM`] : []),
  ];
  const size = `${card.trees} trees, ${card.featureNames.length} features`;
  return [
    ...warnings.map((warning) => `Warning: ${warning}`),
    `${version}: would be served (${size}; scores equal those of ${counts.join(', ')})`,
    '',
  ].join('\n');
}
