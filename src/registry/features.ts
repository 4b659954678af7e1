/** Which features requests carry, and whether a version can live with them. */
import { LightscoreError } from '../errors.js';
import { columnsOf } from '../model/feature-order.js';

export function missingNames(needed: readonly string[], names: readonly string[]): string[] {
  const known = new Set(names);
  return needed.filter((name) => !known.has(name));
}

export function listed(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

export interface RequestNames {
  readonly names: readonly string[];
  /** The version's own features are others, or in another order: they are found by name. */
  readonly byName: boolean;
}

/**
 * What requests carry once a version with `needed` features serves. They go on as they are where it finds all it needs
 * in them.
 * @param now what they carry now; undefined before the first model
 * @param allowChange from then on they carry what the version needs
 * @throws LightscoreError MODEL_CONFLICT naming what is missing
 */
export function requestNamesAfter(
  version: string,
  needed: readonly string[],
  now: readonly string[] | undefined,
  allowChange: boolean,
): RequestNames {
  if (now === undefined) return { names: needed, byName: false };
  const columns = columnsOf(needed, now);
  if (columns !== undefined) return { names: now, byName: columns !== null };
  if (allowChange) return { names: needed, byName: false };
  throw new LightscoreError(
    'MODEL_CONFLICT',
    `${version} needs features that requests do not carry now: ${listed(missingNames(needed, now))}; clients would fail (activate it with allow_feature_change where they are ready for it)`,
  );
}
