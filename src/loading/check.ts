/** Runs the stages of a load without a server: what it says is what `lightscore serve` would say. */
import { createPublicKey } from 'node:crypto';
import { basename } from 'node:path';
import type { LoadRules } from '../config/config.js';
import type { LightscoreError } from '../errors.js';
import { createScoringResources, instantiateKernel } from '../scoring/kernel.js';
import type { ArtifactStore } from '../store/store.js';
import { chooseVersion } from '../store/versions.js';
import type { LoadedImage } from './messages.js';
import { openSource } from './open-source.js';
import { prepareImage, refusalOf } from './pipeline.js';

/** The rules of a server with default settings. */
const NO_RULES: LoadRules = {
  version: undefined,
  requireChecksums: false,
  publicKey: undefined,
  requireSignedPointer: false,
};

export interface Checked {
  /** Undefined where none could be chosen. */
  readonly version: string | undefined;
  /** Undefined where the version is refused. */
  readonly loaded: LoadedImage | undefined;
  /** Why a server refuses it. */
  readonly refused: LightscoreError | undefined;
}

/**
 * Loads a version as far as a server does before it warms it up, in memory that is given back with the result.
 * @param folder of one version, or of versions: of these the one that a server would choose
 */
export async function checkFolder(folder: string, rules: LoadRules = NO_RULES): Promise<Checked> {
  const store = await openSource({ kind: 'path', path: folder, addressing: 'auto' });
  let version: string | undefined;
  try {
    // One that is named may lack files, and fetching it says which.
    version = store.isNamed ? (await store.versions())[0] : await chosen(store, rules);
    version ??= basename(folder);
    return { version, loaded: await load(store, version, rules), refused: undefined };
  } catch (error) {
    const refused = refusalOf(error, version ?? folder);
    if (refused === undefined) throw error;
    return { version, loaded: undefined, refused };
  }
}

async function chosen(store: ArtifactStore, { version, requireSignedPointer, publicKey }: LoadRules): Promise<string> {
  const pointerKey = requireSignedPointer && publicKey !== undefined ? createPublicKey(publicKey) : undefined;
  return (await chooseVersion(store, { setting: version, pointerKey })).version;
}

async function load(store: ArtifactStore, version: string, rules: LoadRules): Promise<LoadedImage> {
  const { memory, module } = createScoringResources();
  const ended = new AbortController();
  try {
    const { requireChecksums, publicKey } = rules;
    return await prepareImage(
      { version, requireChecksums, publicKey, isFirst: true },
      {
        memory: memory.memory,
        kernels: instantiateKernel(module, memory.memory),
        store,
        allocate: (bytes) => Promise.resolve(memory.allocate(bytes)),
        signal: ended.signal,
      },
    );
  } finally {
    ended.abort();
  }
}
