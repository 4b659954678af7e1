/** Names and order of versions, and the choice of the version to serve. */
import type { KeyObject } from 'node:crypto';
import { missingFiles } from '../artifact/files.js';
import { ArtifactError, LightscoreError } from '../errors.js';
import { type PointerClaim, verifyPointer } from './pointer.js';
import { type ArtifactStore, POINTER_FILE, type Pointer } from './store.js';

/**
 * Orders versions as Semantic Versioning 2.0 does (https://semver.org, item 11), with any number of numeric parts and
 * an optional "v": v1.9.0 < v1.10.0-rc.2 < v1.10.0-rc.10 < v1.10.0. Names of any other form come before all of
 * these. Whatever is text is compared naturally, runs of digits by their value: rc9 < rc10, release-2 < release-10,
 * 2024-9-30 < 2024-12-01, +build.5 < +build.40. Versions that are still alike, as they differ in leading zeros, are
 * ordered by their text, so that the order is total.
 */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === undefined || right === undefined) {
    if (left !== undefined) return 1;
    if (right !== undefined) return -1;
    return compareNatural(a, b);
  }
  for (let i = 0; i < Math.max(left.numbers.length, right.numbers.length); i++) {
    const order = compareNumbers(left.numbers[i] ?? '0', right.numbers[i] ?? '0');
    if (order !== 0) return order;
  }
  return comparePrereleases(left.prerelease, right.prerelease) || compareNatural(a, b);
}

/** What decides which version a server serves. */
export interface VersionRules {
  /** MODEL_VERSION. */
  readonly setting?: string | undefined;
  /** MODEL_REQUIRE_SIGNED_POINTER: the key that `current.json` must be signed with, and then must be there. */
  readonly pointerKey?: KeyObject | undefined;
  /** The pointer that the last choice read, so that an unchanged `current.json` is not sent again. */
  readonly known?: Pointer | undefined;
}

/** The chosen version, what decided it, and the pointer that was read, for the next `chooseVersion`. */
export interface VersionChoice {
  readonly version: string;
  readonly by: 'setting' | 'pointer' | 'highest';
  readonly pointer: Pointer | undefined;
  /** What the pointer's signature covers; undefined unless it was verified. */
  readonly claim?: PointerClaim;
}

/**
 * Chooses the version to serve: the setting's if given, else what `current.json` names, else the highest complete one.
 * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError when `current.json` is wrong. It does
 * not check that a named version exists: fetching it does.
 */
export async function chooseVersion(
  store: ArtifactStore,
  { setting, pointerKey, known }: VersionRules = {},
): Promise<VersionChoice> {
  if (setting !== undefined) return { version: setting, by: 'setting', pointer: undefined };
  const pointer = await store.pointer(known);
  if (pointerKey !== undefined) {
    const file = `${store.location}/${POINTER_FILE}`;
    if (pointer === undefined)
      throw new ArtifactError(file, 'is missing, but MODEL_REQUIRE_SIGNED_POINTER requires one that is signed');
    const claim = verifyPointer(pointer, pointerKey, file);
    return { version: pointer.version, by: 'pointer', pointer, claim };
  }
  if (pointer !== undefined) return { version: pointer.version, by: 'pointer', pointer };
  return { version: await highestComplete(store), by: 'highest', pointer: undefined };
}

/** There is nothing to choose from: a store that is still to be filled. */
export class NoCompleteVersion extends LightscoreError {
  constructor(message: string) {
    super('VERSION_NOT_FOUND', message);
  }
}

async function highestComplete(store: ArtifactStore): Promise<string> {
  const versions = (await store.versions()).toSorted((a, b) => compareVersions(b, a));
  const incomplete: string[] = [];
  for (const version of versions) {
    const files = await store.files(version);
    const missing = missingFiles(files.map(({ name }) => name));
    if (missing.length === 0) return version;
    incomplete.push(`${version} (no ${missing.join(', no ')})`);
  }
  const hint = versions.length === 0 ? await store.whyNone?.() : undefined;
  const reason =
    versions.length === 0
      ? `it has no versions at all${hint === undefined ? '' : `; ${hint}`}`
      : `these are incomplete: ${incomplete.slice(0, 10).join(', ')}`;
  throw new NoCompleteVersion(`${store.location}: no version has model, calibrator and metadata; ${reason}`);
}

interface ParsedVersion {
  numbers: readonly string[];
  prerelease: readonly string[];
}

function parseVersion(name: string): ParsedVersion | undefined {
  const match = /^[vV]?(\d+(?:\.\d+)*)(?:-([^+]*))?(?:\+.*)?$/.exec(name);
  if (match === null) return undefined;
  return { numbers: match[1].split('.'), prerelease: match[2] === undefined ? [] : match[2].split('.') };
}

/** A release follows its prereleases; numeric identifiers come before text; a longer list follows its own beginning. */
function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const aIsNumber = /^\d+$/.test(a[i]);
    const bIsNumber = /^\d+$/.test(b[i]);
    if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
    const order = aIsNumber ? compareNumbers(a[i], b[i]) : compareNatural(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Compares digit strings, because dates and build numbers may exceed the precision of a double. */
function compareNumbers(a: string, b: string): number {
  const left = a.replace(/^0+(?=\d)/, '');
  const right = b.replace(/^0+(?=\d)/, '');
  return left.length - right.length || compareText(left, right);
}

/** Compares runs of digits by their value, and everything else by its characters. */
function compareNatural(a: string, b: string): number {
  const [left, right] = [a.match(RUNS) ?? [], b.match(RUNS) ?? []];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const areNumbers = /^\d/.test(left[i]) && /^\d/.test(right[i]);
    const order = areNumbers ? compareNumbers(left[i], right[i]) : compareText(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareText(a, b);
}

const RUNS = /\d+|\D+/g;

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
