/**
 * The model compiler: parses a model text, compiles its image and writes it to its place in the shared memory, off the main
 * thread. The front end hands out memory, so the compiler asks it for a place once it knows the size.
 */
import { setImmediate } from 'node:timers/promises';
import { type MessagePort, workerData } from 'node:worker_threads';
import type { IsotonicCalibrator } from '../src/artifact/calibrator.js';
import { ArtifactError } from '../src/errors.js';
import { splitImportance } from '../src/model/booster.js';
import { type LaneShape, type Strategy, compileImage } from '../src/model/image.js';
import { parseBooster } from '../src/model/parse.js';
import { type SelfCheck, exampleRow, selfCheck } from '../src/model/self-check.js';

export interface CompileWorkerData {
  readonly memory: WebAssembly.Memory;
}

export interface CompileTask {
  readonly file: string;
  readonly modelText: Uint8Array;
  readonly calibrator: IsotonicCalibrator;
  /** Gets the image's size in bytes, answers with its address. */
  readonly port: MessagePort;
}

export interface Compiled {
  readonly strategy: Strategy;
  readonly shape: LaneShape;
  readonly imageBytes: number;
  readonly featureNames: readonly string[];
  readonly importance: readonly number[];
  readonly objective: string;
  readonly trees: number;
  readonly leaves: number;
  /** A plausible row, for examples. */
  readonly exampleRow: readonly number[];
  readonly selfCheck: SelfCheck;
}

/** What the compiler answers: errors lose their class on the way between threads, so a refusal travels as a value. */
export type CompileResult = { readonly compiled: Compiled } | { readonly refused: { readonly file: string; readonly reason: string } };

const { memory } = (Array.isArray(workerData) ? workerData[1] : workerData) as CompileWorkerData;

export default async function compile({ file, modelText, calibrator, port }: CompileTask): Promise<CompileResult> {
  try {
    const booster = parseBooster(new TextDecoder().decode(modelText), file);
    if (booster.outputs !== 1) throw new ArtifactError(file, `the model has ${booster.outputs} outputs; only single-output models can be served`);
    const image = compileImage(booster, calibrator);
    const address = await askForPlace(port, image.bytes.length);
    // Another thread's growth of the memory shows here once this thread has come round its event loop.
    while (memory.buffer.byteLength < address + image.bytes.length) await setImmediate();
    new Uint8Array(memory.buffer, address).set(image.bytes);
    return {
      compiled: {
        strategy: image.strategy,
        shape: image.shape,
        imageBytes: image.bytes.length,
        featureNames: booster.featureNames,
        importance: Array.from(splitImportance(booster)),
        objective: booster.objective.name,
        trees: booster.trees.length,
        leaves: booster.trees.reduce((sum, tree) => sum + tree.leafCount, 0),
        exampleRow: exampleRow(booster),
        selfCheck: selfCheck(booster),
      },
    };
  } catch (error) {
    if (error instanceof ArtifactError) return { refused: { file: error.file, reason: error.reason } };
    if (error instanceof RangeError) return { refused: { file, reason: error.message } };
    throw error;
  } finally {
    port.close();
  }
}

function askForPlace(port: MessagePort, bytes: number): Promise<number> {
  return new Promise((resolve) => {
    port.once('message', resolve);
    port.postMessage(bytes);
  });
}
