/**
 * Compiles a booster into its image, the bytes that the kernel reads. `workers/kernel/layout.ts` defines the layout.
 * The stages: columns (values to slots) and views, nodes, the mask tables where the strategy has them, the explanation.
 */
import * as L from '../../workers/kernel/layout.js';
import type { Calibrator } from '../artifact/calibrator.js';
import type { Booster } from './booster.js';
import { type Columns, buildColumns } from './columns.js';
import { columnSection, placeViews } from './sections/columns.js';
import { type ExplainShape, explanationSection, whyUnexplained } from './sections/explanation.js';
import { nodeSection } from './sections/nodes.js';
import { scoreSection } from './sections/scores.js';
import { ImagePlan, ImageWriter } from './sections/image-writer.js';
import { paddedTrees, streamSection } from './sections/streams.js';
import type { Strategy } from './strategies.js';
import { fitsMask, planStreams, tableBytes } from './streams.js';

/** 32-bit words of a mask. */
const WORDS: Readonly<Record<Strategy, number>> = { mask32: 1, mask64: 2, walk: 0 };

/** Beyond these limits, the streams of a row are no longer a short sequential read, and the walk is faster. */
const MASK_LIMITS = { tableBytes: 64 * 2 ** 20, streams: 40 } as const;

interface ImageFacts {
  readonly strategy: Strategy;
  /** Why there are no contributions; undefined where there are. */
  readonly unexplained: string | undefined;
  readonly shape: LaneShape;
}

export interface Image extends ImageFacts {
  /** The image; written to an address that is a multiple of IMAGE_ALIGNMENT. */
  readonly bytes: Uint8Array;
}

/** An image that is planned in full, with its bytes still to be written. */
export interface PlannedImage extends ImageFacts {
  readonly byteLength: number;
  /** Writes the image to `byteLength` bytes whose address is a multiple of IMAGE_ALIGNMENT; clears them first. */
  write(bytes: Uint8Array): void;
}

/** What a lane's layout depends on. */
export interface LaneShape {
  readonly features: number;
  readonly outputs: number;
  readonly streams: number;
  /** Views of a row, u16 each. */
  readonly views: number;
  /** Undefined where the model cannot be explained. */
  readonly explain: ExplainShape | undefined;
}

/** The strategies that can run `booster`, the preferred one first. Every strategy gives the same bits. */
export function applicableStrategies(booster: Booster, columns: Columns = buildColumns(booster)): Strategy[] {
  const isWalked =
    columns.columns.length === 0 ||
    columns.columns.some(({ kind }) => kind === 'wide') ||
    booster.trees.some((tree) => tree.linear !== undefined);
  if (isWalked) return ['walk'];
  const streams = planStreams(columns.columns);
  const masks = (['mask32', 'mask64'] as const).filter(
    (name) =>
      fitsMask(booster, WORDS[name]) &&
      tableBytes(streams, paddedTrees(booster) * booster.outputs, WORDS[name]) <= MASK_LIMITS.tableBytes,
  );
  return streams.length <= MASK_LIMITS.streams ? [...masks, 'walk'] : ['walk', ...masks];
}

/**
 * @param calibrator of a single-output model; without one the calibrated score is the prediction
 * @param strategy one of `applicableStrategies`; by default the preferred one
 * @throws RangeError where the model is too large for the image's fields
 */
export function planImage(booster: Booster, calibrator?: Calibrator, strategy?: Strategy): PlannedImage {
  const columns = buildColumns(booster);
  const chosen = strategy ?? applicableStrategies(booster, columns)[0];
  const words = WORDS[chosen];
  const streams = words === 0 ? [] : planStreams(columns.columns);
  const places = placeViews(columns);
  const plan = new ImagePlan(L.HEADER_BYTES);
  const writers = [
    columnSection(plan, columns, places, streams, paddedTrees(booster) * booster.outputs * words * 4),
    scoreSection(plan, booster, calibrator),
    nodeSection(plan, booster, columns, places),
  ];
  if (words > 0) writers.push(streamSection(plan, booster, columns, streams, words));
  const unexplained = whyUnexplained(booster);
  const explanation = unexplained === undefined ? explanationSection(plan, booster, columns, places) : undefined;
  if (explanation !== undefined) writers.push(explanation.write);
  return {
    byteLength: plan.bytes,
    strategy: chosen,
    unexplained,
    shape: {
      features: booster.featureCount,
      outputs: booster.outputs,
      streams: streams.length,
      views: places.total,
      explain: explanation?.shape,
    },
    write(bytes) {
      bytes.fill(0);
      const writer = new ImageWriter(bytes);
      writer.i32(L.HEADER_MAGIC, L.MAGIC);
      for (const write of writers) write(writer);
    },
  };
}

/** A planned image, written to memory of its own. */
export function compileImage(booster: Booster, calibrator?: Calibrator, strategy?: Strategy): Image {
  const { write, byteLength, ...facts } = planImage(booster, calibrator, strategy);
  const bytes = new Uint8Array(byteLength);
  write(bytes);
  return { bytes, ...facts };
}
