/** The flags of `lightscore serve`: one for each setting of `config/settings.ts`. */
import { type Command, Option } from 'commander';
import type { Flags } from '../config/config.js';
import { SETTING_NAMES, type Setting, flagOf, settingRow } from '../config/settings.js';

/** Adds the flags of `names` to a command. */
export function addSettings(command: Command, names: readonly Setting[] = SETTING_NAMES): void {
  for (const name of names) {
    const row = settingRow(name);
    const flag = flagOf(name);
    const isOn = !('value' in row);
    const fallback = isOn ? 'off' : (row.byDefault ?? row.fallback ?? 'none');
    const usage = isOn ? flag : `${flag} <${row.value}>`;
    const option = new Option(usage, `${row.means} (${name}; ${fallback})`);
    command.addOption(option.helpGroup(`${row.group}:`));
    if (isOn) command.addOption(new Option(flag.replace('--', '--no-'), `the contrary of ${flag}`).hideHelp());
  }
}

/** The settings that a command was given as flags. */
export function settingsGiven(command: Command): Flags {
  const values: Readonly<Record<string, unknown>> = command.opts();
  const given = SETTING_NAMES.flatMap((name): [Setting, string][] => {
    const value = values[new Option(flagOf(name)).attributeName()];
    if (typeof value === 'string') return [[name, value]];
    return typeof value === 'boolean' ? [[name, value ? '1' : '0']] : [];
  });
  return Object.fromEntries(given);
}
