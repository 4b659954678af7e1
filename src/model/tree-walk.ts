/**
 * The plain tree walk: LightGBM's decision rules, node by node, on the model text's own numbers. It shares no code with
 * the compiled image, so that agreement between the two is evidence. Source: `tree.h` (NumericalDecision,
 * CategoricalDecision), `c_api.cpp` (zeroing of tiny values in dense rows), `gbdt_prediction.cpp`, the objectives'
 * ConvertOutput.
 */
import {
  type Booster,
  Missing,
  type Tree,
  ZERO_THRESHOLD,
  isCategorical,
  isDefaultLeft,
  iterationCount,
  missingType,
} from './booster.js';

const zeroed = (value: number): number => (Math.abs(value) <= ZERO_THRESHOLD ? 0 : value);

/** Whether `value` (any double, NaN for missing, not yet zeroed) goes left at `node`. */
export function goesLeft(tree: Tree, node: number, value: number): boolean {
  let x = zeroed(value);
  if (isCategorical(tree, node)) {
    // int(x) truncates towards zero, so -0.5 is category 0; a value too large for an int becomes negative in LightGBM.
    if (Number.isNaN(x) || x <= -1 || x >= 2 ** 31) return false;
    const category = Math.trunc(x);
    const set = tree.threshold[node];
    const word = tree.catBoundaries[set] + Math.floor(category / 32);
    return word < tree.catBoundaries[set + 1] && ((tree.catBits[word] >>> (category % 32)) & 1) === 1;
  }
  const missing = missingType(tree, node);
  if (Number.isNaN(x) && missing !== Missing.nan) x = 0;
  if ((missing === Missing.zero && x === 0) || (missing === Missing.nan && Number.isNaN(x)))
    return isDefaultLeft(tree, node);
  return x <= tree.threshold[node];
}

/** Leaf that `row` ([featureCount], NaN for missing) reaches. */
export function findLeaf(tree: Tree, row: ArrayLike<number>): number {
  let node = tree.leafCount === 1 ? ~0 : 0;
  while (node >= 0)
    node = (goesLeft(tree, node, row[tree.splitFeature[node]]) ? tree.leftChild : tree.rightChild)[node];
  return ~node;
}

function leafOutput(tree: Tree, leaf: number, row: ArrayLike<number>): number {
  if (tree.linear === undefined) return tree.leafValue[leaf];
  let output = tree.linear.constants[leaf];
  for (const [i, feature] of tree.linear.features[leaf].entries()) {
    if (Number.isNaN(row[feature])) return tree.leafValue[leaf];
    output += tree.linear.coefficients[leaf][i] * zeroed(row[feature]);
  }
  return output;
}

/** [outputs] raw scores of one row, trees added in training order in double precision. */
export function rawScores(booster: Booster, row: ArrayLike<number>): Float64Array {
  const scores = new Float64Array(booster.outputs);
  const { trees, outputs } = booster;
  // Indexed, because the pairs that entries() makes are 200 MB of garbage in a self-check of 1,000 trees.
  for (let t = 0; t < trees.length; t++) scores[t % outputs] += leafOutput(trees[t], findLeaf(trees[t], row), row);
  return scores;
}

/**
 * [outputs] predictions from raw scores, with V8's `Math.exp`, whose last bit may differ from that of the kernel's
 * (musl's).
 */
export function predictions(booster: Booster, raw: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(raw, (score) => (booster.averageOutput ? score / iterationCount(booster) : score));
  switch (booster.objective.transform) {
    case 'identity':
      return x;
    case 'sigmoid':
      return x.map((score) => 1 / (1 + Math.exp(-booster.objective.sigmoid * score)));
    case 'exp':
      return x.map((score) => Math.exp(score));
    case 'log1p_exp':
      return x.map((score) => Math.log1p(Math.exp(score)));
    case 'signed_square':
      return x.map((score) => Math.sign(score) * score * score);
    case 'softmax': {
      const top = x.reduce((a, b) => Math.max(a, b), -Infinity);
      const parts = x.map((score) => Math.exp(score - top));
      const sum = parts.reduce((a, b) => a + b, 0);
      return parts.map((part) => part / sum);
    }
  }
}
