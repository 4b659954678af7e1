/** Reads one tree of a model text from its fields, and refuses what would let a walk leave the tree. */
import { type LinearLeaves, Missing, type Tree } from './booster.js';
import { refuse } from './model-text-error.js';
import {
  type Range,
  integers,
  numbers,
  readIntegers,
  readNumbers,
  requireCharacters,
  uint32s,
} from './number-lists.js';

/** No real model has as many leaves or category sets; the limit keeps a hostile file from exhausting memory. */
const MAX_LEAVES = 1_000_000;

const NO_INT32 = new Int32Array(0);
const NO_UINT32 = new Uint32Array(0);

/** The fields of one tree's block. An error names the tree and the field. */
class TreeFields {
  readonly #fields: ReadonlyMap<string, string>;
  readonly #tree: string;

  constructor(fields: ReadonlyMap<string, string>, tree: string) {
    this.#fields = fields;
    this.#tree = tree;
  }

  refuse(reason: string): never {
    return refuse(`${this.#tree}: ${reason}`);
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  /** The field, or undefined where it is absent or empty. */
  given(key: string): string | undefined {
    return this.#fields.get(key) || undefined;
  }

  text(key: string): string {
    return this.#fields.get(key) ?? this.refuse(`no ${key}`);
  }

  integer(key: string, range: Range): number {
    return this.integers(key, 1, range)[0];
  }

  integers(key: string, length: number, range: Range): Int32Array {
    return integers(this.text(key), length, range, this.#where(key));
  }

  uint32s(key: string, length: number): Uint32Array {
    return uint32s(this.text(key), length, this.#where(key));
  }

  numbers(key: string, length: number): Float64Array {
    return numbers(this.text(key), length, this.#where(key));
  }

  /** Refuses a field that is too short for `length` values, before memory is allocated for them. */
  requireCharacters(key: string, length: number): void {
    requireCharacters(this.text(key), length, this.#where(key));
  }

  fillIntegers(key: string, values: Int32Array | Uint8Array, range: Range): void {
    readIntegers(this.text(key), values, range, this.#where(key));
  }

  fillNumbers(key: string, values: Float64Array): Float64Array {
    return readNumbers(this.text(key), values, this.#where(key));
  }

  #where(key: string): string {
    return `${this.#tree}: ${key}`;
  }
}

/**
 * @param block the tree's fields by key
 * @param name of the tree, for errors
 * @throws ModelTextError
 */
export function readTree(block: ReadonlyMap<string, string>, featureCount: number, name: string): Tree {
  const fields = new TreeFields(block, name);
  const leafCount = fields.integer('num_leaves', { min: 1, max: MAX_LEAVES });
  const categorySets = fields.integer('num_cat', { min: 0, max: MAX_LEAVES });
  fields.requireCharacters('leaf_value', leafCount);
  const { leafValue, leafRows, threshold, splitGain, nodeRows, splitFeature, leftChild, rightChild, decisionType } =
    allocateLists(leafCount);
  fields.fillNumbers('leaf_value', leafValue);
  const linear = block.get('is_linear')?.trim() === '1' ? readLinearLeaves(fields, leafCount, featureCount) : undefined;
  const nodes = leafCount - 1;
  if (nodes > 0) {
    const children = { min: -leafCount, max: nodes - 1 };
    fields.fillIntegers('split_feature', splitFeature, { min: 0, max: featureCount - 1 });
    fields.fillNumbers('threshold', threshold);
    fields.fillIntegers('left_child', leftChild, children);
    fields.fillIntegers('right_child', rightChild, children);
    if (fields.has('decision_type')) fields.fillIntegers('decision_type', decisionType, { min: 0, max: 15 });
  }
  if (fields.has('split_gain')) fields.fillNumbers('split_gain', splitGain);
  requireProperTree(leftChild, rightChild, fields);
  const categories = readCategories(fields, categorySets);
  requireProperSplits({ threshold, decisionType }, categorySets, fields);
  return {
    leafCount,
    splitFeature,
    threshold,
    decisionType,
    leftChild,
    rightChild,
    splitGain,
    leafValue,
    leafRows: readRowCounts(fields, 'leaf_count', leafRows),
    nodeRows: readRowCounts(fields, 'internal_count', nodeRows),
    ...categories,
    linear,
  };
}

/**
 * The lists of a tree, all zero, in one buffer with the wider numbers first: a buffer for each list costs the allocator
 * and the garbage collector more than reading the list does.
 */
function allocateLists(leafCount: number) {
  const nodes = leafCount - 1;
  const buffer = new ArrayBuffer(16 * leafCount + 37 * nodes);
  let used = 0;
  const take = (bytes: number): number => (used += bytes) - bytes;
  const float64s = (length: number): Float64Array => new Float64Array(buffer, take(8 * length), length);
  const int32s = (length: number): Int32Array => new Int32Array(buffer, take(4 * length), length);
  return {
    leafValue: float64s(leafCount),
    leafRows: float64s(leafCount),
    threshold: float64s(nodes),
    splitGain: float64s(nodes),
    nodeRows: float64s(nodes),
    splitFeature: int32s(nodes),
    leftChild: int32s(nodes),
    rightChild: int32s(nodes),
    decisionType: new Uint8Array(buffer, take(nodes), nodes),
  };
}

/** The training rows of leaves or nodes; undefined where the text does not have them. */
function readRowCounts(fields: TreeFields, key: string, values: Float64Array): Float64Array | undefined {
  if (!fields.has(key) || (fields.given(key) === undefined && values.length > 0)) return undefined;
  return fields.fillNumbers(key, values);
}

function readLinearLeaves(fields: TreeFields, leafCount: number, featureCount: number): LinearLeaves {
  const constants = fields.numbers('leaf_const', leafCount);
  const sizes = fields.integers('num_features', leafCount, { min: 0, max: featureCount });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const allFeatures = fields.integers('leaf_features', total, { min: 0, max: featureCount - 1 });
  const allCoefficients = fields.numbers('leaf_coeff', total);
  const features: Int32Array[] = [];
  const coefficients: Float64Array[] = [];
  let start = 0;
  for (const size of sizes) {
    features.push(allFeatures.slice(start, start + size));
    coefficients.push(allCoefficients.slice(start, start + size));
    start += size;
  }
  return { constants, features, coefficients };
}

/** Requires that every node and every leaf is reached exactly once from the root, so that each walk ends. */
function requireProperTree(leftChild: Int32Array, rightChild: Int32Array, fields: TreeFields): void {
  const nodes = leftChild.length;
  if (nodes === 0) return;
  const seenNode = new Uint8Array(nodes);
  const seenLeaf = new Uint8Array(nodes + 1);
  const pending = [0];
  seenNode[0] = 1;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const child of [leftChild[node], rightChild[node]]) {
      const seen = child >= 0 ? seenNode : seenLeaf;
      const index = child >= 0 ? child : ~child;
      if (seen[index] === 1) fields.refuse(`${child >= 0 ? 'node' : 'leaf'} ${index} has two parents`);
      seen[index] = 1;
      if (child >= 0) pending.push(child);
    }
  }
  for (const [kind, seen] of [
    ['node', seenNode],
    ['leaf', seenLeaf],
  ] as const)
    if (seen.includes(0)) fields.refuse(`${kind} ${seen.indexOf(0)} is not reachable from the root`);
}

function readCategories(fields: TreeFields, sets: number): Pick<Tree, 'catBoundaries' | 'catBits'> {
  if (sets === 0) return { catBoundaries: NO_INT32, catBits: NO_UINT32 };
  const catBoundaries = fields.integers('cat_boundaries', sets + 1, { min: 0, max: 2 ** 31 - 1 });
  for (let i = 0; i < sets; i++) {
    if (catBoundaries[0] !== 0 || catBoundaries[i + 1] < catBoundaries[i])
      fields.refuse('cat_boundaries do not ascend from 0');
  }
  return { catBoundaries, catBits: fields.uint32s('cat_threshold', catBoundaries[sets]) };
}

/** Requires that every node can decide: by a number, or by a category set that exists. */
function requireProperSplits(
  { threshold, decisionType }: Pick<Tree, 'threshold' | 'decisionType'>,
  categorySets: number,
  fields: TreeFields,
): void {
  for (let node = 0; node < threshold.length; node++) {
    const value = threshold[node];
    const categorical = (decisionType[node] & 1) === 1;
    if (categorical && !(Number.isInteger(value) && value >= 0 && value < categorySets))
      fields.refuse(`node ${node} names category set ${value} of ${categorySets}`);
    if (!categorical && Number.isNaN(value)) fields.refuse(`node ${node} has a threshold that is not a number`);
    if (((decisionType[node] >> 2) & 3) > Missing.nan) fields.refuse(`node ${node} has an unknown missing type`);
  }
}
