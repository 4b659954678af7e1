/** Which features requests carry, and whether they suffice for a version. */
import { LightscoreError } from '../errors.js';
import { columnsOf } from '../model/feature-order.js';

export function missingNames(needed: readonly string[], names: readonly string[]): string[] {
  const known = new Set(names);
  return needed.filter((name) => !known.has(name));
}

/** The first five names, and the number of the others. */
export function listNames(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

export interface RequestNames {
  readonly names: readonly string[];
  /** The version has fewer features than requests carry, or another order, so they are found by name. */
  readonly byName: boolean;
}

export interface FeatureChange {
  readonly version: string;
  /** The features of the version. */
  readonly needed: readonly string[];
  /** What requests carry now; undefined before the first model. */
  readonly current: readonly string[] | undefined;
  /** If the current features do not suffice, requests must carry those of the version instead. */
  readonly allowChange: boolean;
}

/**
 * Returns what requests carry when the version serves. They stay as they are if they carry all features that it needs.
 * @throws LightscoreError MODEL_CONFLICT naming the missing features
 */
export function requestNamesAfter({ version, needed, current, allowChange }: FeatureChange): RequestNames {
  if (current === undefined) return { names: needed, byName: false };
  const columns = columnsOf(needed, current);
  if (columns !== undefined) return { names: current, byName: columns !== null };
  if (allowChange) return { names: needed, byName: false };
  const missing = listNames(missingNames(needed, current));
  throw new LightscoreError(
    'MODEL_CONFLICT',
    `${version} needs features that requests do not carry now: ${missing}; ` +
      'requests of current clients would be refused. If the clients are ready, activate it with allow_feature_change',
  );
}
