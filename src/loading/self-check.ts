/**
 * The self-check, which every version must pass before it is served. The kernel scores rows whose raw scores are known
 * from other scorers, and must agree with them bit for bit. The other scorers are the plain tree walk, on rows made
 * from the model's thresholds; the trainer's LightGBM, if the artifact has a `self_check.json`; and native LightGBM, if
 * it is built.
 */
import { MODEL_FILE, SELF_CHECK_FILE } from '../artifact/files.js';
import { ArtifactError } from '../errors.js';
import type { Booster } from '../model/booster.js';
import { criticalRows } from '../model/critical-rows.js';
import type { LaneShape } from '../model/image.js';
import type { BoundKernel } from '../scoring/kernel.js';
import { Lane, planLane } from '../scoring/lane.js';
import type { Artifact } from './fetch.js';
import type { KnownScores } from './known-scores.js';
import type { SelfCheckRows } from './messages.js';
import type { NativeScores } from './native-check.js';
import { readSelfCheck } from './trainer-check.js';

/** Number of rows in the lane of the self-check. */
const CHECK_ROWS = 128;

/** An image in shared memory, what it was compiled from, and what the self-check needs. */
export interface UncheckedImage {
  readonly artifact: Artifact;
  readonly booster: Booster;
  readonly kernel: BoundKernel;
  /** Address of the image. */
  readonly image: number;
  readonly shape: LaneShape;
  readonly memory: WebAssembly.Memory;
  /** Returns the address of `bytes` of shared memory. */
  readonly allocate: (bytes: number) => Promise<number>;
  readonly native: NativeScores;
}

/**
 * Compares an image with every scorer that is available.
 * @returns the number of rows on which each of them agreed
 * @throws ArtifactError with the first row that differs in any bit
 */
export async function checkImage(unchecked: UncheckedImage): Promise<SelfCheckRows> {
  const { artifact, booster, kernel, image, shape, memory, allocate } = unchecked;
  const file = artifact.modelFile;
  const plan = planLane(shape, CHECK_ROWS, 'score');
  const lane = new Lane(plan, { memory }, await allocate(plan.bytes));
  const check = (known: KnownScores): number => {
    verifyKernel({ kernel, image, lane, file }, known);
    return known.count;
  };

  const walked = { by: 'the plain tree walk', ...criticalRows(booster) };
  const treeWalk = check(walked);
  const selfCheckFile = file.replace(MODEL_FILE, SELF_CHECK_FILE);
  const trainer =
    artifact.selfCheck === undefined
      ? 0
      : check(readSelfCheck(artifact.selfCheck, selfCheckFile, booster.featureNames));
  const native = await unchecked.native(walked.rows, walked.count);
  return { treeWalk, trainer, native: native === undefined ? 0 : check(native) };
}

interface KernelUnderTest {
  readonly kernel: BoundKernel;
  /** Address of a single-output model's image. */
  readonly image: number;
  /** A score lane of that model that is not in use. */
  readonly lane: Lane;
  /** Names the model in the error. */
  readonly file: string;
}

/** @throws ArtifactError with the first row that differs in any bit */
function verifyKernel({ kernel, image, lane, file }: KernelUnderTest, known: KnownScores): void {
  const { capacity, features } = lane.plan;
  for (let start = 0; start < known.count; start += capacity) {
    const count = Math.min(capacity, known.count - start);
    lane.rows.set(known.rows.subarray(start * features, (start + count) * features));
    kernel.score(image, lane.address, 0, count);
    for (let r = 0; r < count; r++) {
      if (Object.is(lane.raw[r], known.raw[start + r])) continue;
      throw new ArtifactError(
        file,
        `self-check: the kernel scores row ${start + r} as ${lane.raw[r]}, ${known.by} as ${known.raw[start + r]}`,
      );
    }
  }
}
