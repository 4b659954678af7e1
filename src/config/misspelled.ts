/** Finds environment variables that are probably misspelled settings of this server. */
import { SETTING_NAMES } from './settings.js';

/** Every setting of the server, and the two variables of the command line's admin commands. */
export const VARIABLES: readonly string[] = [...SETTING_NAMES, 'LIGHTSCORE_URL', 'LIGHTSCORE_ADMIN_KEY'];

const KNOWN: ReadonlySet<string> = new Set(VARIABLES);

/**
 * Names that container platforms derive from the names of services and ports, and that may resemble a setting:
 * Kubernetes and Docker links (X_SERVICE_HOST, X_PORT=tcp://..., X_PORT_8000_TCP_ADDR), Marathon (PORT0, PORT_8000).
 */
const INJECTED_NAME = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)|^PORT_?\d+$/;
const INJECTED_VALUE = /^(tcp|udp|sctp):\/\//;

/** Returns one warning for each name that is one or two edits away from a setting, or differs in case only. */
export function misspelled(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (KNOWN.has(name) || INJECTED_NAME.test(name) || INJECTED_VALUE.test(value ?? '')) return [];
    const meant = VARIABLES.filter((variable) => isTypo({ name: name.toUpperCase(), variable }));
    if (meant.length === 0) return [];
    return [`${name} is not a setting of this server: did you mean ${meant.join(' or ')}?`];
  });
}

/**
 * Two wrong letters make a typo of a long word, but a different word of a short one (HOME is not HOST, and MODEL_ID is
 * not MODEL_DIR), and typos usually keep the first letter. So a word of up to four letters may have one wrong letter,
 * and a name with two wrong letters must begin with the same letter as the setting.
 */
function isTypo({ name, variable }: { readonly name: string; readonly variable: string }): boolean {
  if (Math.abs(name.length - variable.length) > 2) return false;
  const distance = editDistance(name, variable);
  if (distance > 2 || (distance === 2 && name[0] !== variable[0])) return false;
  const words = name.split('_');
  const expected = variable.split('_');
  if (words.length !== expected.length) return distance < 2 || variable.length > 4;
  return expected.every((word, i) => editDistance(words[i], word) <= (word.length > 4 ? 2 : 1));
}

/**
 * Counts the letters inserted, left out, replaced, or swapped with their neighbour: the optimal string alignment
 * distance, which is symmetric.
 */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_unused, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}
