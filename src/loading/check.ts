/** Runs the stages of a load without a server: what it says is what `lightscore serve` would say. */
import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CALIBRATOR_FILES, METADATA_FILE, MODEL_FILE } from '../artifact/files.js';
import type { LoadRules } from '../config/config.js';
import type { LightscoreError } from '../errors.js';
import { createScoringResources, instantiateKernel } from '../scoring/kernel.js';
import { FolderStore } from '../store/folder.js';
import { chooseVersion } from '../store/versions.js';
import type { LoadedImage } from './messages.js';
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
  const { parent, name } = isVersionFolder(folder) ? splitPath(folder) : { parent: folder, name: undefined };
  const store = new FolderStore(parent);
  let version = name;
  try {
    version ??= await chosen(store, rules);
    return { version, loaded: await load(store, version, rules), refused: undefined };
  } catch (error) {
    const refused = refusalOf(error, version ?? folder);
    if (refused === undefined) throw error;
    return { version, loaded: undefined, refused };
  }
}

async function chosen(store: FolderStore, { version, requireSignedPointer, publicKey }: LoadRules): Promise<string> {
  const pointerKey = requireSignedPointer && publicKey !== undefined ? createPublicKey(publicKey) : undefined;
  return (await chooseVersion(store, { setting: version, pointerKey })).version;
}

async function load(store: FolderStore, version: string, rules: LoadRules): Promise<LoadedImage> {
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

/** Whether a folder holds a file of a version, and so is one, if not a complete one. */
function isVersionFolder(folder: string): boolean {
  return [MODEL_FILE, METADATA_FILE, ...CALIBRATOR_FILES].some((name) => existsSync(join(folder, name)));
}

function splitPath(folder: string): { readonly parent: string; readonly name: string } {
  const path = /^\.{1,2}$/.test(basename(folder)) ? resolve(folder) : folder;
  return { parent: dirname(path), name: basename(path) };
}
