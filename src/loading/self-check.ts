/**
 * Checks every version before it serves: the kernel scores rows whose raw scores other scorers have computed, and must
 * agree bit for bit. The other scorers are the plain tree walk, on rows at the model's own thresholds; the trainer's
 * LightGBM, if the artifact has a `self_check.json`; and native LightGBM, if it is built.
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

/** Capacity, in rows, of the lane that the self-check scores in. */
const CHECK_ROWS = 128;

/** An image in shared memory, and the artifact that it was compiled from. */
export interface UncheckedImage {
  readonly artifact: Artifact;
  readonly booster: Booster;
  readonly kernel: BoundKernel;
  /** Address of the image. */
  readonly image: number;
  readonly shape: LaneShape;
  readonly memory: WebAssembly.Memory;
  /** Allocates shared memory and returns its address. */
  readonly allocate: (bytes: number) => Promise<number>;
  readonly native: NativeScores;
}

/**
 * Compares an image with every available scorer.
 * @returns the number of rows that were compared with each
 * @throws ArtifactError naming the first row whose scores differ
 */
export async function checkImage(unchecked: UncheckedImage): Promise<SelfCheckRows> {
  const { artifact, booster, kernel, image, shape, memory, allocate } = unchecked;
  const file = artifact.modelFile;
  const plan = planLane(shape, CHECK_ROWS, 'score');
  const lane = new Lane(plan, { memory }, await allocate(plan.bytes));
  const check = (known: KnownScores): number => {
    compareScores({ kernel, image, lane, file }, known);
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

interface KernelOnImage {
  readonly kernel: BoundKernel;
  /** Address of the image of a single-output model. */
  readonly image: number;
  /** A score lane of that model. */
  readonly lane: Lane;
  /** The model's file, for messages. */
  readonly file: string;
}

/** @throws ArtifactError naming the first row whose scores differ */
function compareScores({ kernel, image, lane, file }: KernelOnImage, known: KnownScores): void {
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
