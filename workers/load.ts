/**
 * The loader: everything that brings a version from the store to a verified image in shared memory, off the main thread
 * and at a lower priority. The stages, in order: fetch, verify (size, checksums, signature), parse, compile,
 * self-check.
 */
import { createPublicKey } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type MessagePort, workerData } from 'node:worker_threads';
import { type Artifact, type ArtifactFile, fetchArtifact } from '../src/loading/fetch.js';
import { MODEL_FILE, SELF_CHECK_FILE } from '../src/artifact/files.js';
import { ArtifactError, type ErrorCode, LightscoreError } from '../src/errors.js';
import { type Booster, splitImportance } from '../src/model/booster.js';
import { type LaneShape, planImage } from '../src/model/image.js';
import type { Strategy } from '../src/model/strategies.js';
import { parseBooster } from '../src/model/parse.js';
import { exampleRow, selfCheck } from '../src/model/self-check.js';
import { rawScores } from '../src/model/tree-walk.js';
import { readSelfCheck, startNative, verifyKernel } from '../src/loading/verification.js';
import { instantiateKernel } from '../src/scoring/kernel.js';
import { Lane, planLane } from '../src/scoring/lane.js';
import type { ModelCard } from '../src/scoring/served-model.js';
import { type StoreConfig, openStore } from '../src/store/open.js';

export interface LoadWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly store: StoreConfig;
}

export interface LoadTask {
  readonly version: string;
  readonly requireChecksums: boolean;
  /** MODEL_PUBLIC_KEY, PEM. */
  readonly publicKey: string | undefined;
  /** Nothing serves yet: what can run side by side does. Later loads keep to one core. */
  readonly hurried: boolean;
  /** Gets MemoryRequests, answers with addresses: the front end's thread alone hands out memory. */
  readonly port: MessagePort;
}

export interface MemoryRequest {
  readonly bytes: number;
}

/** Rows on which the kernel agreed bit for bit with each of them; 0 where it could not be asked. */
export interface SelfCheckRows {
  readonly treeWalk: number;
  /** Of self_check.json. */
  readonly trainer: number;
  readonly native: number;
}

/** A verified image, and what is known of the version. */
export interface LoadedImage {
  readonly card: ModelCard;
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  readonly image: number;
  readonly imageBytes: number;
  /** Raw score of the card's example row, by the plain tree walk. */
  readonly exampleRaw: number;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  readonly fingerprint: string;
  readonly warnings: readonly string[];
  readonly selfCheck: SelfCheckRows;
}

/**
 * Errors lose their class on the way between threads, so a refusal travels as a value. `file` and `reason` are an
 * ArtifactError's.
 */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly file?: string;
  readonly reason?: string;
}

export type LoadResult = { readonly loaded: LoadedImage } | { readonly refused: Refusal };

/** Rows of the lane for the self-check. */
const CHECK_ROWS = 128;

// piscina hands workerData over as [its own, ours].
const {
  module,
  memory,
  store: storeConfig,
} = (Array.isArray(workerData) ? workerData[1] : workerData) as LoadWorkerData;
const kernels = instantiateKernel(module, memory);
const store = openStore(storeConfig);

export default async function load(task: LoadTask): Promise<LoadResult> {
  const ended = new AbortController();
  try {
    const { version, requireChecksums, publicKey, hurried } = task;
    const artifact = await fetchArtifact(await store, version, {
      requireChecksums,
      ...(publicKey !== undefined && { publicKey: createPublicKey(publicKey) }),
    });
    return { loaded: await compile(artifact, hurried, task.port, ended.signal) };
  } catch (error) {
    return { refused: refusal(error, task.version) };
  } finally {
    ended.abort();
    task.port.close();
  }
}

function refusal(error: unknown, version: string): Refusal {
  if (error instanceof ArtifactError)
    return { code: error.code, message: error.message, file: error.file, reason: error.reason };
  if (error instanceof LightscoreError) return { code: error.code, message: error.message };
  // A limit of the image's layout.
  if (error instanceof RangeError)
    return { code: 'ARTIFACT_INVALID', message: `${version}: ${error.message}`, file: version, reason: error.message };
  throw error;
}

async function compile(
  artifact: Artifact,
  hurried: boolean,
  port: MessagePort,
  ended: AbortSignal,
): Promise<LoadedImage> {
  const file = artifact.modelFile;
  const modelText = new TextDecoder().decode(artifact.modelText);
  const early = hurried ? startNative(modelText, file, ended) : undefined;
  const booster = parseBooster(modelText, file);
  if (booster.outputs !== 1)
    throw new ArtifactError(file, `the model has ${booster.outputs} outputs; only single-output models can be served`);
  const card = describe(artifact, booster);
  const compiled = planImage(booster, artifact.calibrator);
  const image = await place(port, compiled.byteLength);
  compiled.write(new Uint8Array(memory.buffer, image, compiled.byteLength));

  const plan = planLane(compiled.shape, CHECK_ROWS, 'score');
  const lane = new Lane(plan, { memory }, await place(port, plan.bytes));
  const kernel = kernels[compiled.strategy];
  const checked: Record<keyof SelfCheckRows, number> = { treeWalk: 0, trainer: 0, native: 0 };
  const walked = { by: 'the plain tree walk', ...selfCheck(booster) };
  verifyKernel(kernel, image, lane, walked, file);
  checked.treeWalk = walked.count;
  if (artifact.selfCheck !== undefined) {
    const trainer = readSelfCheck(artifact.selfCheck, file.replace(MODEL_FILE, SELF_CHECK_FILE), booster.featureNames);
    verifyKernel(kernel, image, lane, trainer, file);
    checked.trainer = trainer.count;
  }
  const nativeScores = early ?? startNative(modelText, file, ended);
  const native = await nativeScores(walked.rows, walked.count);
  if (native !== undefined) {
    verifyKernel(kernel, image, lane, native, file);
    checked.native = native.count;
  }
  return {
    card,
    strategy: compiled.strategy,
    shape: compiled.shape,
    image,
    imageBytes: compiled.byteLength,
    // Typed, as the rows of the self-check: a walk that has met both kinds of arrays makes an object of every value.
    exampleRaw: rawScores(booster, Float64Array.from(card.exampleRow))[0],
    files: artifact.files,
    signed: artifact.signed,
    fingerprint: artifact.fingerprint,
    warnings: artifact.warnings,
    selfCheck: checked,
  };
}

function describe({ version, metadata, metadataFile, modelSha256 }: Artifact, booster: Booster): ModelCard {
  return {
    version,
    modelVersion: metadata.modelVersion,
    calibrationVersion: metadata.calibrationVersion,
    featureSetVersion: metadata.featureSetVersion,
    featureNames: featureNames(metadataFile, booster.featureNames, metadata.featureNames),
    importance: Array.from(splitImportance(booster)),
    exampleRow: exampleRow(booster),
    objective: booster.objective.name,
    trees: booster.trees.length,
    leaves: booster.trees.reduce((sum, tree) => sum + tree.leafCount, 0),
    modelSha256,
  };
}

/**
 * The model's own names rule; where it was trained without names, LightGBM calls them Column_0, Column_1, ... and
 * metadata's are used.
 */
function featureNames(file: string, ofModel: readonly string[], ofMetadata: readonly string[]): readonly string[] {
  if (ofMetadata.length !== ofModel.length) {
    throw new ArtifactError(
      file,
      `feature_names has ${ofMetadata.length} names, but the model has ${ofModel.length} features`,
    );
  }
  return ofModel.every((name, i) => name === `Column_${i}`) ? ofMetadata : ofModel;
}

/** The address of `bytes` of shared memory for this thread to write. */
async function place(port: MessagePort, bytes: number): Promise<number> {
  const request: MemoryRequest = { bytes };
  const address = await new Promise<number>((resolve) => {
    port.once('message', resolve);
    port.postMessage(request);
  });
  // Another thread's growth of the memory shows here once this thread has come round its event loop.
  while (memory.buffer.byteLength < address + bytes) await setImmediate();
  return address;
}
