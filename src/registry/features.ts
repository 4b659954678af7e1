/** Which features requests carry, and whether a version can be served with them. */
import { LightscoreError } from '../errors.js';
import { columnsOf } from '../model/feature-order.js';

export interface NeededNames {
  readonly needed: readonly string[];
  readonly available: readonly string[];
}

/** The needed names that are not available. */
export function missingNames({ needed, available }: NeededNames): string[] {
  const known = new Set(available);
  return needed.filter((name) => !known.has(name));
}

/** The names as one text, abbreviated after five. */
export function listNames(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

export interface RequestNames {
  readonly names: readonly string[];
  /** Whether the version's own features differ from these, in number or order, and are found by name. */
  readonly byName: boolean;
}

export interface FeatureChange {
  readonly version: string;
  /** The features of the version. */
  readonly needed: readonly string[];
  /** The features that requests carry now; undefined before the first model. */
  readonly current: readonly string[] | undefined;
  /** Whether requests may have to carry other features from now on. */
  readonly allowed: boolean;
}

/**
 * The features that requests carry once the version serves: the same as now if they include all that it needs.
 * @throws LightscoreError MODEL_CONFLICT naming the missing features, unless the change is allowed
 */
export function requestNamesAfter({ version, needed, current, allowed }: FeatureChange): RequestNames {
  if (current === undefined) return { names: needed, byName: false };
  const columns = columnsOf(needed, current);
  if (columns !== undefined) return { names: current, byName: columns !== null };
  if (allowed) return { names: needed, byName: false };
  const missing = listNames(missingNames({ needed, available: current }));
  throw new LightscoreError(
    'MODEL_CONFLICT',
    `${version} needs features that requests do not carry now: ${missing}; ` +
      'activate it with allow_feature_change once all clients send them',
  );
}
