/** `lightscore models`: lists, loads, activates and deletes the versions of a running server. */
import { Command } from 'commander';
import { type AdminFlags, callAdmin, changeAndPrint, withAdminHelp, withServer } from './admin-client.js';
import { printOutcome } from './output.js';
import { versionArgument } from './version-argument.js';

interface ModelRow {
  readonly version: string;
  readonly state: string;
  readonly role: string | null;
  readonly reason: string | null;
  readonly model_version: string | null;
  readonly feature_set_version: string | null;
  readonly trees: number | null;
  readonly memory_bytes: number | null;
  readonly load_started: string;
  readonly load_ms: number | null;
}

interface Models {
  readonly under_way: { readonly what: string; readonly by: string } | null;
  readonly named_by_store: { readonly version: string; readonly by: string; readonly held_back: boolean } | null;
  readonly models: readonly ModelRow[];
}

export function modelsCommand(): Command {
  const command = new Command('models').description(
    'list the versions that a running server has loaded; load, activate or delete one, cancel a load',
  );
  const list = command.command('list', { isDefault: true }).description('list the versions');
  withServer(list).action((flags: AdminFlags) =>
    printOutcome(flags, async () => {
      const models = await callAdmin<Models>({ method: 'GET', path: '/models' }, flags);
      return { result: models, text: table(models) };
    }),
  );
  const load = command
    .command('load')
    .argument('<version>', 'the name of its folder', versionArgument)
    .description('load a version from the store, without serving it');
  withServer(load).action((version: string, flags: AdminFlags) =>
    changeAndPrint({ method: 'POST', path: `${pathOf(version)}/load` }, flags),
  );
  const activate = command
    .command('activate')
    .argument('<version>', 'the name of its folder', versionArgument)
    .description('serve a version; load it first if necessary')
    .option('--allow-feature-change', 'even if it needs features that requests do not contain now', false);
  withServer(activate).action((version: string, flags: AdminFlags & { allowFeatureChange: boolean }) => {
    const query = flags.allowFeatureChange ? '?allow_feature_change=1' : '';
    return changeAndPrint({ method: 'POST', path: `${pathOf(version)}/activate${query}` }, flags);
  });
  const remove = command
    .command('delete')
    .argument('<version>', 'the name of its folder', versionArgument)
    .description('free a version that is not in use');
  withServer(remove).action((version: string, flags: AdminFlags) =>
    changeAndPrint({ method: 'DELETE', path: pathOf(version) }, flags),
  );
  const cancel = command.command('cancel').description('cancel the load that is under way');
  withServer(cancel).action((flags: AdminFlags) => changeAndPrint({ method: 'DELETE', path: '/load' }, flags));
  const examples = ['models', 'models load v1.2.0', 'models activate v1.2.0', "models --json | jq '.models[].version'"];
  for (const each of [command, ...command.commands]) withAdminHelp(each, examples);
  return command;
}

const pathOf = (version: string): string => `/models/${encodeURIComponent(version)}`;

function table({ models, under_way: underWay, named_by_store: named }: Models): string {
  const head = ['VERSION', 'STATE', 'ROLE', 'MODEL', 'FEATURE SET', 'TREES', 'MEMORY', 'LOADED', 'MS'];
  const rows = models.map((row) => [
    row.version,
    row.state,
    row.role ?? '',
    row.model_version ?? '',
    row.feature_set_version ?? '',
    String(row.trees ?? ''),
    row.memory_bytes === null ? '' : `${(row.memory_bytes / 2 ** 20).toFixed(1)} MiB`,
    row.load_started.slice(0, 19).replace('T', ' '),
    String(row.load_ms ?? ''),
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
  for (const { version, reason } of models) if (reason !== null) lines.push(`${version} failed: ${reason}`);
  if (underWay !== null) lines.push(`in progress: ${underWay.what}, requested by ${underWay.by}`);
  if (named?.held_back === true) lines.push(`the store names ${named.version}, which is ignored since the rollback`);
  return `${lines.join('\n')}\n`;
}
