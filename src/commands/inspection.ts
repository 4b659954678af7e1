/** The inspection of a model: its trees, its files, and how the kernel would run it. */
import type { Calibrator } from '../artifact/calibrator.js';
import { METADATA_FILE, MODEL_FILE, calibratorWarnings } from '../artifact/files.js';
import type { Metadata } from '../artifact/metadata.js';
import { ArtifactError, type LightscoreError } from '../errors.js';
import { type Booster, type Tree, splitImportance } from '../model/booster.js';
import { type Column, buildColumns } from '../model/columns.js';
import { type Image, applicableStrategies, compileImage } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import { suspicionsOf } from '../loading/calibrator-warnings.js';
import { nameWarnings } from '../loading/model-card.js';
import { boosterWarnings } from '../loading/model-warnings.js';
import type { ModelFolder, ModelText } from '../loading/model-folder.js';

export interface FeatureInspection {
  readonly name: string;
  /** Number of splits with positive gain. */
  readonly importance: number;
  /** Categories of the data frame that it was trained on, by their codes, which are what is sent. */
  readonly categories?: readonly (string | number | boolean)[];
  /** How its values become slots: no column if no tree splits on it, two if trees split on it in both ways. */
  readonly columns: readonly { readonly kind: Column['kind']; readonly slots: number; readonly missing: string }[];
}

export interface Inspection {
  readonly model: {
    readonly file: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly format: string;
    readonly objective: string;
    readonly transform: string;
    readonly outputs: number;
    readonly average_output: boolean;
    /** Of a pickle: its class in Python, and the labels of a classifier in the order of its outputs. */
    readonly class?: string;
    readonly class_labels?: readonly (string | number | boolean)[];
  };
  readonly trees: {
    readonly count: number;
    readonly leaves: number;
    readonly most_leaves: number;
    readonly most_depth: number;
    readonly linear: number;
    readonly single_leaf: number;
  };
  readonly features: readonly FeatureInspection[];
  readonly run: {
    readonly strategy: Strategy;
    readonly reason: string;
    readonly applicable: readonly Strategy[];
    readonly image_bytes: number;
    readonly streams: number;
    readonly columns: number;
    readonly explainable: boolean;
    /** Why there are no contributions. */
    readonly unexplained: string | null;
  };
  readonly calibrator: {
    readonly file: string;
    readonly type: Calibrator['type'];
    readonly input: Calibrator['input'];
    /** Of an isotonic calibrator. */
    readonly dtype?: string;
    readonly thresholds?: number;
    readonly x?: readonly [number, number];
    readonly y?: readonly [number, number];
    /** Of a sigmoid. */
    readonly a?: number;
    readonly b?: number;
  } | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly files: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly checksum: 'matches' | 'differs' | 'none';
  }[];
  /** Whether a server with default settings serves the version; null for a model text alone. */
  readonly served: boolean | null;
  readonly warnings: readonly string[];
}

/**
 * @param refused why a server refuses the version
 * @throws ArtifactError if there is no valid model; faults of the other files become warnings
 */
export async function inspect(folder: ModelFolder, refused?: LightscoreError): Promise<Inspection> {
  const warnings: string[] = [];
  const model = await folder.model();
  const metadata = await readOrWarn(warnings, async () => {
    const found = await folder.metadata();
    warnings.push(...(found?.warnings ?? []));
    return found?.metadata;
  });
  const calibrator =
    folder.calibratorName === undefined
      ? model.calibrator
      : await readOrWarn(warnings, () => folder.calibrator(metadata));
  const files = await verifyFiles(folder, metadata);
  warnings.push(
    ...calibratorWarnings(
      (name) => folder.names.includes(name),
      (name) => folder.path(name),
    ),
    ...modelWarnings(model.booster, metadata),
    ...suspicionsOf(calibrator, model.booster, folder.calibratorName ?? ''),
  );
  return {
    ...describeBooster(folder.modelFile, model),
    calibrator:
      calibrator === undefined ? null : describeCalibrator(folder.calibratorName ?? folder.modelFile, calibrator),
    metadata: metadata === undefined ? null : metadata.fields,
    files,
    served: folder.isVersion ? refused === undefined : null,
    warnings: warnings.filter((warning) => warning !== refused?.message),
  };
}

async function readOrWarn<T>(warnings: string[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    warnings.push(error.message);
    return undefined;
  }
}

async function verifyFiles(folder: ModelFolder, metadata: Metadata | undefined): Promise<Inspection['files']> {
  const named = [...(metadata?.checksums?.keys() ?? [])];
  const names = folder.names.filter(
    (name) => name === METADATA_FILE || name === MODEL_FILE || name === folder.calibratorName || named.includes(name),
  );
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const sha256 = await folder.checksum(name);
      const expected = metadata?.checksums?.get(name);
      return {
        name,
        sha256,
        checksum: expected === undefined ? 'none' : expected === sha256 ? 'matches' : 'differs',
      } as const;
    }),
  );
}

function modelWarnings(booster: Booster, metadata: Metadata | undefined): string[] {
  const { outputs, featureNames, trees } = booster;
  const warnings: string[] = [];
  if (outputs > 1)
    warnings.push(
      `the model has ${outputs} outputs: the server serves single-output models only; use \`lightscore score\``,
    );
  if (trees.every((tree) => tree.leafCount === 1)) warnings.push('no tree splits: every row gets the same score');
  warnings.push(...boosterWarnings(booster));
  if (metadata === undefined) return warnings;
  warnings.push(...nameWarnings(METADATA_FILE, featureNames, metadata.featureNames));
  if (metadata.checksums?.has(MODEL_FILE) === false)
    warnings.push(`metadata.json has checksums, but none of ${MODEL_FILE}`);
  return warnings;
}

function describeBooster(
  file: string,
  { booster, text, sha256, className, classLabels }: ModelText,
): Pick<Inspection, 'model' | 'trees' | 'features' | 'run'> {
  const columns = buildColumns(booster);
  const applicable = applicableStrategies(booster, columns);
  const image = imageOf(file, booster);
  const importance = splitImportance(booster);
  const { trees, objective } = booster;
  return {
    model: {
      file,
      bytes: text.length,
      sha256,
      format: booster.formatVersion,
      objective: objective.name,
      transform: objective.transform,
      outputs: booster.outputs,
      average_output: booster.averageOutput,
      ...(className !== undefined && { class: className }),
      ...(classLabels !== undefined && { class_labels: classLabels }),
    },
    trees: {
      count: trees.length,
      leaves: trees.reduce((sum, tree) => sum + tree.leafCount, 0),
      most_leaves: maxOf(trees, (tree) => tree.leafCount),
      most_depth: maxOf(trees, depth),
      linear: trees.filter((tree) => tree.linear !== undefined).length,
      single_leaf: trees.filter((tree) => tree.leafCount === 1).length,
    },
    features: booster.featureNames.map((name, f) => ({
      name,
      importance: importance[f],
      ...(booster.pandasCategories?.has(f) === true && { categories: booster.pandasCategories.get(f) ?? [] }),
      columns: columns.columns.filter(({ feature }) => feature === f).map(describeColumn),
    })),
    run: {
      strategy: image.strategy,
      reason: reasonOf(booster, applicable),
      applicable,
      image_bytes: image.bytes.length,
      streams: image.shape.streams,
      columns: columns.columns.length,
      explainable: image.unexplained === undefined,
      unexplained: image.unexplained ?? null,
    },
  };
}

/** @throws ArtifactError where the model is too large for the fields of an image */
function imageOf(file: string, booster: Booster): Image {
  try {
    return compileImage(booster);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ArtifactError(file, cause.message, { cause });
  }
}

function describeColumn(column: Column): FeatureInspection['columns'][number] {
  const missing =
    column.kind !== 'numerical'
      ? 'as an unseen category'
      : column.missingSlot === column.zeroSlot
        ? 'as zero'
        : 'on its own';
  return { kind: column.kind, slots: column.slots, missing };
}

const maxOf = (trees: readonly Tree[], measure: (tree: Tree) => number): number =>
  trees.reduce((max, tree) => Math.max(max, measure(tree)), 0);

/** Number of splits on the longest path from the root to a leaf. */
function depth(tree: Tree): number {
  let max = 0;
  const pending: [number, number][] = tree.leafCount === 1 ? [] : [[0, 1]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, level] = next;
    max = Math.max(max, level);
    for (const child of [tree.leftChild[node], tree.rightChild[node]]) if (child >= 0) pending.push([child, level + 1]);
  }
  return max;
}

function reasonOf({ trees }: Booster, applicable: readonly Strategy[]): string {
  const size = `trees of up to ${maxOf(trees, (tree) => tree.leafCount)} leaves`;
  if (applicable.length > 1) return `preferred among ${applicable.join(', ')} for ${size}`;
  if (trees.some((tree) => tree.linear !== undefined)) return 'leaves are linear models';
  if (trees.every((tree) => tree.leafCount === 1)) return 'no tree splits';
  return `no other strategy supports ${size} on these features`;
}

function describeCalibrator(file: string, calibrator: Calibrator): Inspection['calibrator'] {
  const { type, input } = calibrator;
  if (calibrator.type === 'sigmoid') return { file, type, input, a: calibrator.a, b: calibrator.b };
  const { x, y, precision: dtype } = calibrator;
  const last = x.length - 1;
  return { file, type, input, dtype, thresholds: x.length, x: [x[0], x[last]], y: [y[0], y[last]] };
}
