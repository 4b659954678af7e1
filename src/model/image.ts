/**
 * Compiles a booster into its image, the bytes that the kernel reads. The layout is drawn in `workers/kernel/layout.ts`.
 * The stages: columns (values to slots), nodes and paths, then the mask tables where the strategy has them.
 */
import * as L from '../../workers/kernel/layout.js';
import type { IsotonicCalibrator } from '../artifact/calibrator.js';
import { type Booster, type Tree, isCategorical, iterationCount, splitImportance } from './booster.js';
import { type CategoricalColumn, type Columns, type NumericalColumn, buildColumns, categorySet, cutIndex, groupMembers, inSet } from './columns.js';
import { type TreePaths, expectedValue, gaussLegendre, isExplainable, treePaths } from './explanation.js';
import { type Stream, fitsMask, planStreams, tableBytes, writeTables } from './streams.js';

export const STRATEGIES = ['mask32', 'mask64', 'walk'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Past these a row's streams are no longer a short straight read, and the walk is faster. */
const MASK_LIMITS = { tableBytes: 64 * 2 ** 20, streams: 40 } as const;

export interface Image {
  /** The image; written to an address that is a multiple of IMAGE_ALIGNMENT. */
  readonly bytes: Uint8Array;
  readonly strategy: Strategy;
  readonly explainable: boolean;
  readonly shape: LaneShape;
}

/** What a lane's layout depends on. */
export interface LaneShape {
  readonly features: number;
  readonly outputs: number;
  readonly streams: number;
  readonly columns: number;
  readonly views: number;
  /** Longest path in different features; -1 where the model cannot be explained. */
  readonly depth: number;
}

/** The strategies that can run `booster`, the preferred one first. Every strategy gives the same bits. */
export function applicableStrategies(booster: Booster, columns: Columns = buildColumns(booster)): Strategy[] {
  if (columns.columns.length === 0 || booster.trees.some((tree) => tree.linear !== undefined)) return ['walk'];
  const streams = planStreams(columns.columns);
  const masks = ([['mask32', 1], ['mask64', 2]] as const).filter(
    ([, words]) => fitsMask(booster, words) && tableBytes(streams, paddedTrees(booster) * booster.outputs, words) <= MASK_LIMITS.tableBytes,
  );
  const names = masks.map(([name]) => name);
  return streams.length <= MASK_LIMITS.streams ? [...names, 'walk'] : ['walk', ...names];
}

const paddedTrees = (booster: Booster): number => Math.ceil(iterationCount(booster) / L.TREE_BLOCK) * L.TREE_BLOCK;

/**
 * @param calibrator of a single-output model; without one the calibrated score is the prediction
 * @param strategy one of `applicableStrategies`; by default the preferred one
 */
export function compileImage(booster: Booster, calibrator?: IsotonicCalibrator, strategy?: Strategy): Image {
  const columns = buildColumns(booster);
  const chosen = strategy ?? applicableStrategies(booster, columns)[0];
  const streams = chosen === 'walk' ? [] : planStreams(columns.columns);
  const plan = new Plan(L.HEADER_BYTES);
  const writers = [
    columnSection(plan, columns, streams, chosen === 'mask64' ? 2 : 1, booster),
    scoreSection(plan, booster, calibrator),
    nodeSection(plan, booster, columns),
    ...(chosen === 'walk' ? [] : [streamSection(plan, booster, columns, streams, chosen === 'mask64' ? 2 : 1)]),
  ];
  const explainable = isExplainable(booster);
  const paths = explainable ? inOutputOrder(booster).map(treePaths) : [];
  const depth = explainable ? Math.max(0, ...paths.flatMap((tree) => tree.leaves.map((leaf) => leaf.features.length))) : -1;
  if (explainable) writers.push(explanationSection(plan, booster, paths, depth));

  const bytes = new Uint8Array(plan.bytes);
  const view = new DataView(bytes.buffer);
  view.setInt32(L.HEADER_MAGIC, L.MAGIC, true);
  for (const write of writers) write(new Sheet(view));
  return {
    bytes, strategy: chosen, explainable,
    shape: { features: booster.featureCount, outputs: booster.outputs, streams: streams.length, columns: columns.columns.length, views: columns.views.length, depth },
  };
}

/** Hands out places in the image before anything is written. */
class Plan {
  constructor(public bytes: number) {}
  reserve(bytes: number, alignment = 8): number {
    const at = Math.ceil(this.bytes / alignment) * alignment;
    this.bytes = at + bytes;
    return at;
  }
}

/** The image while it is written, little-endian as WebAssembly reads it. */
class Sheet {
  constructor(readonly view: DataView) {}
  i32 = (at: number, value: number): void => this.view.setInt32(at, value, true);
  f64 = (at: number, value: number): void => this.view.setFloat64(at, value, true);
  f64s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.f64(at + 8 * i, values[i]);
  };
  i32s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.i32(at + 4 * i, values[i]);
  };
  u16s = (at: number, values: ArrayLike<number>): void => {
    for (let i = 0; i < values.length; i++) this.view.setUint16(at + 2 * i, values[i], true);
  };
}

type Write = (sheet: Sheet) => void;

/** Trees output by output, each output's in training order. */
function inOutputOrder(booster: Booster): Tree[] {
  return Array.from({ length: booster.outputs }, (_, output) => booster.trees.filter((_tree, t) => t % booster.outputs === output)).flat();
}

function columnSection(plan: Plan, { columns }: Columns, streams: readonly Stream[], words: number, booster: Booster): Write {
  const records = plan.reserve(columns.length * L.COLUMN_BYTES);
  const depths = columns.map((column) => (column.kind === 'numerical' ? Math.ceil(Math.log2(column.cuts.length + 1)) : 0));
  const tables = columns.map((column, c) => (column.kind === 'numerical' ? plan.reserve(8 * (2 ** depths[c] - 1), 64) : plan.reserve(2 * column.groups.length)));
  const slotBytes = paddedTrees(booster) * booster.outputs * words * 4;
  return ({ i32, f64s, u16s }) => {
    i32(L.HEADER_NUMERICAL_COLUMNS, columns.filter((column) => column.kind === 'numerical').length);
    i32(L.HEADER_COLUMN_COUNT, columns.length);
    i32(L.HEADER_COLUMNS, records);
    const started = new Set<number>();
    columns.forEach((column, c) => {
      const at = records + c * L.COLUMN_BYTES;
      i32(at + L.COLUMN_FEATURE, column.feature);
      i32(at + L.COLUMN_DEPTH, depths[c]);
      i32(at + L.COLUMN_TABLE, tables[c]);
      if (column.kind === 'numerical') {
        i32(at + L.COLUMN_MISSING, column.missingSlot);
        f64s(tables[c], Float64Array.from({ length: 2 ** depths[c] - 1 }, (_, i) => column.cuts[i] ?? Infinity));
      } else {
        i32(at + L.COLUMN_MISSING, column.groups.length);
        u16s(tables[c], column.groups);
      }
      const stream = streams.findIndex(({ members }) => members.some((member) => member.column === c));
      if (stream < 0) return;
      const multiplier = streams[stream].members.find((member) => member.column === c)?.multiplier ?? 1;
      i32(at + L.COLUMN_STREAM, stream);
      i32(at + L.COLUMN_STRIDE, multiplier * slotBytes);
      i32(at + L.COLUMN_FIRST, started.has(stream) ? 0 : 1);
      started.add(stream);
    });
  };
}

const TRANSFORM = {
  identity: L.TRANSFORM_IDENTITY,
  sigmoid: L.TRANSFORM_SIGMOID,
  softmax: L.TRANSFORM_SOFTMAX,
  exp: L.TRANSFORM_EXP,
  log1p_exp: L.TRANSFORM_LOG1P_EXP,
  signed_square: L.TRANSFORM_SIGNED_SQUARE,
} as const;

function scoreSection(plan: Plan, booster: Booster, calibrator: IsotonicCalibrator | undefined): Write {
  const importance = plan.reserve(8 * booster.featureCount);
  const x = plan.reserve(8 * (calibrator?.x.length ?? 0));
  const y = plan.reserve(8 * (calibrator?.y.length ?? 0));
  return ({ i32, f64, f64s }) => {
    i32(L.HEADER_FEATURES, booster.featureCount);
    i32(L.HEADER_OUTPUTS, booster.outputs);
    i32(L.HEADER_TREES_PER_OUTPUT, iterationCount(booster));
    i32(L.HEADER_TRANSFORM, TRANSFORM[booster.objective.transform]);
    f64(L.HEADER_SIGMOID, booster.objective.sigmoid);
    f64(L.HEADER_AVERAGE_DIVISOR, booster.averageOutput ? iterationCount(booster) : 1);
    i32(L.HEADER_IMPORTANCE, importance);
    f64s(importance, splitImportance(booster));
    if (calibrator === undefined) return;
    i32(L.HEADER_CALIBRATOR_COUNT, calibrator.x.length);
    i32(L.HEADER_CALIBRATOR_X, x);
    i32(L.HEADER_CALIBRATOR_Y, y);
    i32(L.HEADER_CALIBRATOR_FLOAT32, calibrator.precision === 'float32' ? 1 : 0);
    f64s(x, calibrator.x);
    f64s(y, calibrator.y);
  };
}

/** Nodes of `tree` in preorder, as its own node numbers. */
function preorder(tree: Tree): number[] {
  const order: number[] = [];
  const pending = tree.leafCount === 1 ? [] : [0];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    order.push(node);
    for (const child of [tree.rightChild[node], tree.leftChild[node]]) if (child >= 0) pending.push(child);
  }
  return order;
}

function nodeSection(plan: Plan, booster: Booster, columns: Columns): Write {
  const trees = inOutputOrder(booster);
  const leafTotal = trees.reduce((sum, tree) => sum + tree.leafCount, 0);
  const nodeTotal = leafTotal - trees.length;
  const views = plan.reserve(columns.views.length * L.VIEW_BYTES);
  const roots = plan.reserve(4 * trees.length);
  const nodes = plan.reserve(nodeTotal * L.NODE_BYTES, 64);
  const values = plan.reserve(8 * leafTotal);
  const bits = planCategoryBits(plan, trees, columns);
  const linear = trees.some((tree) => tree.linear !== undefined) ? planLinear(plan, trees, leafTotal) : undefined;
  return (sheet) => {
    const { i32 } = sheet;
    i32(L.HEADER_VIEW_COUNT, columns.views.length);
    i32(L.HEADER_VIEWS, views);
    columns.views.forEach((view, v) => {
      const at = views + v * L.VIEW_BYTES;
      const column = columns.columns[view.column] as NumericalColumn;
      i32(at + L.VIEW_COLUMN, view.column);
      i32(at + L.VIEW_MISSING_SLOT, column.missingSlot);
      // Where missing shares zero's slot, the view's treatment of zero is that of missing too.
      i32(at + L.VIEW_MISSING, column.missingSlot === column.zeroSlot ? (view.zero ?? column.zeroSlot) : view.missing);
      i32(at + L.VIEW_ZERO_SLOT, view.zero === undefined ? -2 : column.zeroSlot);
      i32(at + L.VIEW_ZERO, view.zero ?? 0);
    });
    i32(L.HEADER_ROOTS, roots);
    i32(L.HEADER_NODES, nodes);
    i32(L.HEADER_VALUES, values);
    let firstNode = 0;
    let firstLeaf = 0;
    trees.forEach((tree, t) => {
      const order = preorder(tree);
      const place = new Map(order.map((node, i) => [node, firstNode + i]));
      const child = (c: number): number => (c < 0 ? ~(firstLeaf + ~c) : (place.get(c) as number));
      i32(roots + 4 * t, order.length === 0 ? ~firstLeaf : firstNode);
      order.forEach((node, i) => {
        const at = nodes + (firstNode + i) * L.NODE_BYTES;
        const categorical = isCategorical(tree, node);
        const column = columns.columnOf(tree, node);
        i32(at + L.NODE_VIEW, categorical ? ~column : columns.viewOf(tree, node));
        i32(at + L.NODE_K, categorical ? bits.firstBit(t, node) : cutIndex(columns.columns[column] as NumericalColumn, tree.threshold[node]));
        i32(at + L.NODE_LEFT, child(tree.leftChild[node]));
        i32(at + L.NODE_RIGHT, child(tree.rightChild[node]));
      });
      sheet.f64s(values + 8 * firstLeaf, tree.leafValue);
      firstNode += order.length;
      firstLeaf += tree.leafCount;
    });
    bits.write(sheet);
    linear?.(sheet);
  };
}

/** One bit per slot of its column for every categorical node. */
function planCategoryBits(plan: Plan, trees: readonly Tree[], columns: Columns): { firstBit(tree: number, node: number): number; write: Write } {
  const first = trees.map((tree) => new Int32Array(tree.leafCount - 1));
  let total = 0;
  trees.forEach((tree, t) => {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      if (!isCategorical(tree, node)) continue;
      first[t][node] = total;
      total += columns.columns[columns.columnOf(tree, node)].slots;
    }
  });
  const at = plan.reserve(4 * Math.ceil(total / 32));
  return {
    firstBit: (tree, node) => first[tree][node],
    write: ({ i32, view }) => {
      i32(L.HEADER_CATEGORY_BITS, at);
      const members = new Map<CategoricalColumn, Int32Array>();
      trees.forEach((tree, t) => {
        for (let node = 0; node < tree.leafCount - 1; node++) {
          const column = columns.columns[columns.columnOf(tree, node)];
          if (!isCategorical(tree, node) || column.kind !== 'categorical') continue;
          const categories = members.get(column) ?? groupMembers(column);
          members.set(column, categories);
          const set = categorySet(tree, node);
          categories.forEach((category, slot) => {
            if (!inSet(set, category)) return;
            const bit = first[t][node] + slot;
            const word = at + 4 * (bit >> 5);
            i32(word, view.getInt32(word, true) | (1 << (bit & 31)));
          });
        }
      });
    },
  };
}

function planLinear(plan: Plan, trees: readonly Tree[], leafTotal: number): Write {
  const leaves = trees.flatMap((tree) =>
    Array.from({ length: tree.leafCount }, (_, leaf) => ({
      constant: tree.linear?.constants[leaf] ?? tree.leafValue[leaf],
      features: tree.linear?.features[leaf] ?? new Int32Array(0),
      coefficients: tree.linear?.coefficients[leaf] ?? new Float64Array(0),
    })),
  );
  const terms = leaves.reduce((sum, leaf) => sum + leaf.features.length, 0);
  const starts = plan.reserve(4 * (leafTotal + 1));
  const features = plan.reserve(4 * terms);
  const coefficients = plan.reserve(8 * terms);
  const constants = plan.reserve(8 * leafTotal);
  return ({ i32, f64, f64s, i32s }) => {
    i32(L.HEADER_LINEAR, starts);
    i32(L.HEADER_LINEAR_FEATURES, features);
    i32(L.HEADER_LINEAR_COEFFICIENTS, coefficients);
    i32(L.HEADER_LINEAR_CONSTANTS, constants);
    let term = 0;
    leaves.forEach((leaf, l) => {
      i32(starts + 4 * l, term);
      f64(constants + 8 * l, leaf.constant);
      i32s(features + 4 * term, leaf.features);
      f64s(coefficients + 8 * term, leaf.coefficients);
      term += leaf.features.length;
    });
    i32(starts + 4 * leafTotal, term);
  };
}

function streamSection(plan: Plan, booster: Booster, columns: Columns, streams: readonly Stream[], words: number): Write {
  const padded = paddedTrees(booster);
  const treesPerRow = padded * booster.outputs;
  const leafShift = Math.ceil(Math.log2(Math.max(1, ...booster.trees.map((tree) => tree.leafCount))));
  const bases = plan.reserve(4 * streams.length);
  const tables = streams.map((stream) => plan.reserve(stream.slots * treesPerRow * words * 4, 64));
  const leaves = plan.reserve((8 * treesPerRow) << leafShift, 64);
  // Where tree t of the training order stands among the padded trees.
  const place = (t: number): number => (t % booster.outputs) * padded + Math.floor(t / booster.outputs);
  return ({ i32, i32s, f64s, view }) => {
    i32(L.HEADER_STREAM_COUNT, streams.length);
    i32(L.HEADER_STREAMS, bases);
    i32(L.HEADER_STREAM_TREES, padded);
    i32(L.HEADER_LEAVES, leaves);
    i32(L.HEADER_LEAF_SHIFT, leafShift);
    i32s(bases, tables);
    booster.trees.forEach((tree, t) => f64s(leaves + ((8 * place(t)) << leafShift), tree.leafValue));
    const image = new Uint32Array(view.buffer, 0, view.byteLength >> 2);
    writeTables(booster, columns, streams, words, image, tables.map((table) => table >> 2), treesPerRow, place);
  };
}

function explanationSection(plan: Plan, booster: Booster, paths: readonly TreePaths[], depth: number): Write {
  const trees = inOutputOrder(booster);
  const leaves = paths.flatMap((tree) => tree.leaves);
  const elementTotal = leaves.reduce((sum, leaf) => sum + leaf.features.length, 0);
  const unique = plan.reserve(2 * (leaves.length - trees.length));
  const starts = plan.reserve(4 * (leaves.length + 1));
  const elements = plan.reserve(L.ELEMENT_BYTES * elementTotal);
  const ruleTable = plan.reserve(4 * (depth + 1));
  const rules = Array.from({ length: depth + 1 }, (_, length) => gaussLegendre((length + 1) >> 1));
  const ruleStarts = rules.map((rule) => plan.reserve(8 * rule.length));
  const expected = plan.reserve(8 * booster.outputs);
  return ({ i32, f64, i32s, f64s, u16s }) => {
    i32(L.HEADER_UNIQUE, unique);
    i32(L.HEADER_PATHS, starts);
    i32(L.HEADER_ELEMENTS, elements);
    i32(L.HEADER_QUADRATURE, ruleTable);
    i32(L.HEADER_EXPECTED, expected);
    i32(L.HEADER_DEPTH, depth);
    let firstNode = 0;
    trees.forEach((tree, t) => {
      const order = preorder(tree);
      u16s(unique + 2 * firstNode, order.map((node) => paths[t].unique[node]));
      firstNode += order.length;
    });
    let element = 0;
    leaves.forEach((leaf, l) => {
      i32(starts + 4 * l, element);
      leaf.features.forEach((feature, j) => {
        const at = elements + L.ELEMENT_BYTES * element++;
        i32(at + L.ELEMENT_FEATURE, feature);
        f64(at + L.ELEMENT_SHARE, leaf.shares[j]);
      });
    });
    i32(starts + 4 * leaves.length, element);
    i32s(ruleTable, ruleStarts);
    rules.forEach((rule, length) => f64s(ruleStarts[length], rule));
    const perOutput = iterationCount(booster);
    f64s(expected, Array.from({ length: booster.outputs }, (_, k) => trees.slice(k * perOutput, (k + 1) * perOutput).reduce((sum, tree) => sum + expectedValue(tree), 0)));
  };
}
