/**
 * Reads LightGBM's model text (`lightgbm_model.txt`). Strict where LightGBM is lenient: whatever would make a walk
 * leave the tree, or a score depend on what is not in the file, is refused with the line's place and the reason.
 */
import { ArtifactError } from '../errors.js';
import type { Booster, LinearLeaves, Objective, Transform, Tree } from './booster.js';
import { quote } from '../quote.js';

/** Limits that no real model reaches; they keep a hostile file from asking for the machine's memory. */
const LIMITS = { features: 1_000_000, outputs: 10_000, leaves: 1_000_000 } as const;

const NO_INT32 = new Int32Array(0);
const NO_UINT32 = new Uint32Array(0);

class ModelTextError extends Error {}

const refuse = (reason: string): never => {
  throw new ModelTextError(reason);
};

/**
 * @param text the whole model text
 * @param file its name, for errors
 * @throws ArtifactError naming `file` and the reason
 */
export function parseBooster(text: string, file = 'lightgbm_model.txt'): Booster {
  try {
    return readModel(text);
  } catch (error) {
    if (error instanceof ModelTextError) throw new ArtifactError(file, error.message);
    throw error;
  }
}

function readModel(text: string): Booster {
  if (!/^tree\r?\n/.test(text)) refuse('not a LightGBM model text (the first line should be "tree")');
  const lines = text.split('\n');
  const header = new Map<string, string>();
  let at = 1;
  for (; at < lines.length; at++) {
    const line = chomp(lines[at]);
    if (line.startsWith('Tree=') || line === 'end of trees') break;
    const equals = line.indexOf('=');
    const key = equals < 0 ? line : line.slice(0, equals);
    if (key !== '' && header.has(key)) refuse(`header: ${quote(key)} stands there twice`);
    header.set(key, equals < 0 ? '' : line.slice(equals + 1));
  }

  const formatVersion = header.get('version') ?? refuse('header: no version');
  if (!['v2', 'v3', 'v4'].includes(formatVersion))
    refuse(`header: version ${quote(formatVersion)} of the format is not one of v2, v3, v4`);
  const outputs = header.has('num_tree_per_iteration')
    ? headerInteger(header, 'num_tree_per_iteration', 1, LIMITS.outputs)
    : headerInteger(header, 'num_class', 1, LIMITS.outputs);
  const featureCount = headerInteger(header, 'max_feature_idx', 0, LIMITS.features - 1) + 1;
  const featureNames = (header.get('feature_names') ?? refuse('header: no feature_names'))
    .split(' ')
    .filter((name) => name !== '');
  if (featureNames.length !== featureCount) {
    refuse(`header: feature_names has ${featureNames.length} names, max_feature_idx says ${featureCount}`);
  }
  if (new Set(featureNames).size !== featureCount) refuse('header: feature_names repeats a name');
  const objective = readObjective(header.get('objective'));
  if (
    objective.transform !== 'softmax' &&
    objective.name !== 'multiclassova' &&
    outputs > 1 &&
    objective.name !== 'custom'
  ) {
    refuse(`header: objective ${objective.name} with num_tree_per_iteration=${outputs}`);
  }

  const trees: Tree[] = [];
  for (;;) {
    while (at < lines.length && chomp(lines[at]) === '') at++;
    if (at >= lines.length) refuse(`truncated: the text ends after ${trees.length} trees with no "end of trees"`);
    const line = chomp(lines[at]);
    if (line === 'end of trees') break;
    if (line !== `Tree=${trees.length}`) refuse(`line ${at + 1}: expected Tree=${trees.length}, found ${quote(line)}`);
    const fields = new Map<string, string>();
    for (at++; at < lines.length && chomp(lines[at]) !== ''; at++) {
      const field = chomp(lines[at]);
      const equals = field.indexOf('=');
      if (equals < 0) refuse(`Tree=${trees.length}, line ${at + 1}: expected key=value, found ${quote(field)}`);
      const key = field.slice(0, equals);
      if (fields.has(key)) refuse(`Tree=${trees.length}: ${quote(key)} stands there twice`);
      fields.set(key, field.slice(equals + 1));
    }
    trees.push(readTree(fields, featureCount, `Tree=${trees.length}`));
  }
  if (trees.length % outputs !== 0) refuse(`${trees.length} trees do not divide into iterations of ${outputs}`);
  const sizes = header.get('tree_sizes');
  if (sizes !== undefined && sizes.split(' ').filter((size) => size !== '').length !== trees.length) {
    refuse(`tree_sizes lists another number of trees than the ${trees.length} that follow`);
  }
  return {
    formatVersion,
    outputs,
    featureCount,
    featureNames,
    objective,
    averageOutput: header.has('average_output'),
    trees,
  };
}

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  binary: 'sigmoid',
  cross_entropy: 'sigmoid',
  cross_entropy_lambda: 'log1p_exp',
  multiclass: 'softmax',
  multiclassova: 'sigmoid',
  poisson: 'exp',
  gamma: 'exp',
  tweedie: 'exp',
  regression: 'identity',
  regression_l1: 'identity',
  huber: 'identity',
  fair: 'identity',
  quantile: 'identity',
  mape: 'identity',
  lambdarank: 'identity',
  rank_xendcg: 'identity',
  custom: 'identity',
};

function readObjective(line: string | undefined): Objective {
  if (line === undefined) return { name: 'custom', transform: 'identity', sigmoid: 1 };
  const [name, ...options] = line.split(' ').filter((word) => word !== '');
  if (name === undefined || !Object.hasOwn(TRANSFORMS, name))
    return refuse(`header: objective ${quote(line)} is not one of LightGBM's`);
  const option = options.find((word) => word.startsWith('sigmoid:'));
  const sigmoid =
    option === undefined || !(name === 'binary' || name === 'multiclassova')
      ? 1
      : Number(option.slice('sigmoid:'.length));
  if (!(sigmoid > 0 && sigmoid < Infinity)) refuse(`header: objective ${quote(line)} has no usable sigmoid`);
  const transform = TRANSFORMS[name] === 'identity' && options.includes('sqrt') ? 'signed_square' : TRANSFORMS[name];
  return { name, transform, sigmoid };
}

function readTree(fields: Map<string, string>, featureCount: number, where: string): Tree {
  const text = (key: string): string => fields.get(key) ?? refuse(`${where}: no ${key}`);
  const count = (key: string, low: number, high: number): number =>
    integers(text(key), 1, low, high, `${where}: ${key}`)[0];
  const leafCount = count('num_leaves', 1, LIMITS.leaves);
  const categoryCount = count('num_cat', 0, LIMITS.leaves);
  const nodes = leafCount - 1;
  requireRoom(text('leaf_value'), leafCount, `${where}: leaf_value`);
  // One buffer for all lists, the wider numbers first: one for each costs the allocator and the collector more than
  // reading it does.
  const buffer = new ArrayBuffer(16 * leafCount + 37 * nodes);
  let used = 0;
  const take = (bytes: number): number => (used += bytes) - bytes;
  const [leafValue, leafRows] = [
    new Float64Array(buffer, take(8 * leafCount), leafCount),
    new Float64Array(buffer, take(8 * leafCount), leafCount),
  ];
  const [threshold, splitGain, nodeRows] = [0, 1, 2].map(() => new Float64Array(buffer, take(8 * nodes), nodes));
  const [splitFeature, leftChild, rightChild] = [0, 1, 2].map(() => new Int32Array(buffer, take(4 * nodes), nodes));
  const decisionType = new Uint8Array(buffer, take(nodes), nodes);
  const given = (key: string, values: Float64Array): Float64Array | undefined => {
    const value = fields.get(key);
    return value === undefined || (value === '' && values.length > 0)
      ? undefined
      : readNumbers(value, values, `${where}: ${key}`);
  };

  readNumbers(text('leaf_value'), leafValue, `${where}: leaf_value`);
  const linear =
    fields.get('is_linear')?.trim() === '1' ? readLinearLeaves(fields, leafCount, featureCount, where) : undefined;
  if (nodes > 0) {
    readIntegers(text('split_feature'), splitFeature, 0, featureCount - 1, `${where}: split_feature`);
    readNumbers(text('threshold'), threshold, `${where}: threshold`);
    readIntegers(text('left_child'), leftChild, -leafCount, nodes - 1, `${where}: left_child`);
    readIntegers(text('right_child'), rightChild, -leafCount, nodes - 1, `${where}: right_child`);
    if (fields.has('decision_type'))
      readIntegers(text('decision_type'), decisionType, 0, 15, `${where}: decision_type`);
  }
  if (fields.has('split_gain')) readNumbers(text('split_gain'), splitGain, `${where}: split_gain`);
  requireProperTree(leftChild, rightChild, where);

  const catBoundaries =
    categoryCount === 0
      ? NO_INT32
      : integers(text('cat_boundaries'), categoryCount + 1, 0, 2 ** 31 - 1, `${where}: cat_boundaries`);
  for (let i = 0; i < categoryCount; i++) {
    if (catBoundaries[0] !== 0 || catBoundaries[i + 1] < catBoundaries[i])
      refuse(`${where}: cat_boundaries do not ascend from 0`);
  }
  const catBits =
    categoryCount === 0
      ? NO_UINT32
      : readCategoryBits(text('cat_threshold'), catBoundaries[categoryCount], `${where}: cat_threshold`);
  for (let node = 0; node < nodes; node++) {
    const categorical = (decisionType[node] & 1) === 1;
    if (
      categorical &&
      !(Number.isInteger(threshold[node]) && threshold[node] >= 0 && threshold[node] < categoryCount)
    ) {
      refuse(`${where}: node ${node} names category set ${threshold[node]} of ${categoryCount}`);
    }
    if (!categorical && Number.isNaN(threshold[node]))
      refuse(`${where}: node ${node} has a threshold that is not a number`);
    if (((decisionType[node] >> 2) & 3) === 3) refuse(`${where}: node ${node} has an unknown missing type`);
  }
  return {
    leafCount,
    splitFeature,
    threshold,
    decisionType,
    leftChild,
    rightChild,
    splitGain,
    leafValue,
    leafRows: given('leaf_count', leafRows),
    nodeRows: given('internal_count', nodeRows),
    catBoundaries,
    catBits,
    linear,
  };
}

function readLinearLeaves(
  fields: Map<string, string>,
  leafCount: number,
  featureCount: number,
  where: string,
): LinearLeaves {
  const text = (key: string): string => fields.get(key) ?? refuse(`${where}: no ${key}`);
  const constants = numbers(text('leaf_const'), leafCount, `${where}: leaf_const`);
  const sizes = integers(text('num_features'), leafCount, 0, featureCount, `${where}: num_features`);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const allFeatures = integers(text('leaf_features'), total, 0, featureCount - 1, `${where}: leaf_features`);
  const allCoefficients = numbers(text('leaf_coeff'), total, `${where}: leaf_coeff`);
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

/** Every node and every leaf is reached exactly once from the root, so that each walk ends. */
function requireProperTree(leftChild: Int32Array, rightChild: Int32Array, where: string): void {
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
      if (seen[index] === 1) refuse(`${where}: ${child >= 0 ? 'node' : 'leaf'} ${index} has two parents`);
      seen[index] = 1;
      if (child >= 0) pending.push(child);
    }
  }
  if (seenNode.includes(0) || seenLeaf.includes(0)) refuse(`${where}: not every node and leaf hangs on the root`);
}

function headerInteger(header: Map<string, string>, key: string, low: number, high: number): number {
  return integers(header.get(key) ?? refuse(`header: no ${key}`), 1, low, high, `header: ${key}`)[0];
}

function integers(text: string, length: number, low: number, high: number, where: string): Int32Array {
  requireRoom(text, length, where);
  return readIntegers(text, new Int32Array(length), low, high, where);
}

function numbers(text: string, length: number, where: string): Float64Array {
  requireRoom(text, length, where);
  return readNumbers(text, new Float64Array(length), where);
}

function readCategoryBits(text: string, length: number, where: string): Uint32Array {
  requireRoom(text, length, where);
  return readIntegers(text, new Uint32Array(length), 0, 2 ** 32 - 1, where);
}

/** Of lengths that the text cannot hold, none is worth asking for memory. */
function requireRoom(text: string, length: number, where: string): void {
  if (length > (text.length + 1) >> 1) refuse(`${where}: no room for ${length} values in ${text.length} characters`);
}

/** What is read before it is known to be whole; used again. */
let unchecked = new Float64Array(256);

function readIntegers<List extends Int32Array | Uint32Array | Uint8Array>(
  text: string,
  values: List,
  low: number,
  high: number,
  where: string,
): List {
  if (values.length > unchecked.length) unchecked = new Float64Array(values.length);
  const read = unchecked.subarray(0, values.length);
  readNumbers(text, read, where);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isInteger(read[i]) || read[i] < low || read[i] > high)
      refuse(`${where}: ${read[i]} is not a whole number from ${low} to ${high}`);
    values[i] = read[i];
  }
  return values;
}

/**
 * Decimal text to double, correctly rounded as LightGBM's precise reader does; `inf`, `-inf` and `nan` as written by
 * it.
 */
function readNumbers(text: string, values: Float64Array, where: string): Float64Array {
  const { length } = values;
  let found = 0;
  for (let start = 0; start < text.length; start++) {
    const word = start;
    // The word's digits as a whole number, and how many stand behind its point.
    let mantissa = 0;
    let scale = -1;
    let digits = 0;
    let isShort = true;
    for (; start < text.length; start++) {
      const code = text.charCodeAt(start);
      if (code >= ZERO && code <= NINE) {
        mantissa = mantissa * 10 + (code - ZERO);
        digits++;
        if (scale >= 0) scale++;
      } else if (code === SPACE) break;
      else if (code === POINT && scale < 0) scale = 0;
      else if (code !== MINUS || start !== word) isShort = false;
    }
    if (start === word) continue;
    if (start - word === 1 && text.charCodeAt(word) === CARRIAGE_RETURN) continue;
    if (found === length) refuse(`${where}: more than ${length} values`);
    if (isShort && digits > 0 && digits <= EXACT_DIGITS) {
      // Where mantissa and power of ten are doubles themselves, one division is correctly rounded.
      const magnitude = scale > 0 ? mantissa / POWERS_OF_TEN[scale] : mantissa;
      values[found++] = text.charCodeAt(word) === MINUS ? -magnitude : magnitude;
    } else values[found++] = longNumber(text.slice(word, start), where);
  }
  if (found !== length) refuse(`${where}: ${found} values where ${length} belong`);
  return values;
}

const [SPACE, CARRIAGE_RETURN, MINUS, POINT, ZERO, NINE] = [' ', '\r', '-', '.', '0', '9'].map((character) =>
  character.charCodeAt(0),
);
/** Whole numbers of so many digits are doubles, and so are powers of ten up to 10^22. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

const SPECIAL: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: NaN, '-nan': NaN };
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

function longNumber(word: string, where: string): number {
  return DECIMAL.test(word)
    ? Number(word)
    : (SPECIAL[word.toLowerCase()] ?? refuse(`${where}: ${quote(word)} is not a number`));
}

const chomp = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
