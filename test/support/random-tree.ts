/** Random model texts in LightGBM's format: any shape of tree, not only what training would grow. */
import { type Arbitrary, array, boolean, constantFrom, double, nat, oneof, record } from 'fast-check';

interface RandomNode {
  readonly feature: number;
  readonly categorical: boolean;
  /** Default left and missing type, 0 to 5. */
  readonly flags: number;
  readonly threshold: number;
  /** Words of a category set. */
  readonly words: readonly number[];
  /** Which of the leaves so far it splits, and on which side the new leaf is. */
  readonly leaf: number;
  readonly left: boolean;
  readonly gain: number;
  /** Value and training rows of the new leaf. */
  readonly value: number;
  readonly rows: number;
}

const THRESHOLDS = [
  0,
  -0,
  1e-35,
  -1e-35,
  1.0000000180025095e-35,
  -1.0000000180025095e-35,
  Infinity,
  -Infinity,
  5e-324,
  1,
  2,
];

/** @param most the most trees, leaves of a tree, and the number of features */
export function modelTexts(most: {
  readonly trees: number;
  readonly leaves: number;
  readonly features: number;
}): Arbitrary<string> {
  const node = record({
    feature: nat(most.features - 1),
    categorical: boolean(),
    flags: nat(5),
    threshold: oneof(double({ noNaN: true }), constantFrom(...THRESHOLDS)),
    words: array(nat(0xffff_ffff), { maxLength: 3 }),
    leaf: nat(999),
    left: boolean(),
    gain: double({ min: 0, max: 10, noNaN: true }),
    value: double({ min: -4, max: 4, noNaN: true }),
    rows: nat(98),
  });
  const trees = array(array(node, { maxLength: most.leaves - 1 }), { minLength: 1, maxLength: most.trees });
  return record({ trees, objective: constantFrom('binary sigmoid:1', 'regression', 'poisson') }).map(
    ({ trees: list, objective }) =>
      [
        `tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=` +
          `${most.features - 1}\nobjective=${objective}`,
        `feature_names=${join(Array.from({ length: most.features }, (_, f) => `f${f}`))}\n`,
        ...list.map(treeText),
        'end of trees\n',
      ].join('\n'),
  );
}

/**
 * Grows a tree as LightGBM does: node i splits one of the leaves, which keeps its number on one side; the other is leaf
 * i + 1.
 */
function treeText(nodes: readonly RandomNode[], t: number): string {
  const children: [number, number][] = [];
  const holder: [number, 0 | 1][] = [];
  const boundaries = [0];
  const words: number[] = [];
  const thresholds = nodes.map(({ leaf, left, categorical, threshold, words: set }, i) => {
    const split = leaf % (i + 1);
    if (i > 0) {
      const [parent, side] = holder[split];
      children[parent][side] = i;
    }
    children.push(left ? [~split, ~(i + 1)] : [~(i + 1), ~split]);
    holder[split] = [i, left ? 0 : 1];
    holder[i + 1] = [i, left ? 1 : 0];
    if (!categorical) return Object.is(threshold, -0) ? '-0' : String(threshold).replace('Infinity', 'inf');
    words.push(...set);
    boundaries.push(words.length);
    return String(boundaries.length - 2);
  });
  const leafRows = [7, ...nodes.map(({ rows }) => 1 + rows)];
  const nodeRows = new Float64Array(nodes.length);
  const rowsOf = (child: number): number => (child < 0 ? leafRows[~child] : nodeRows[child]);
  for (let i = nodes.length - 1; i >= 0; i--) nodeRows[i] = rowsOf(children[i][0]) + rowsOf(children[i][1]);
  return [
    `Tree=${t}`,
    `num_leaves=${nodes.length + 1}`,
    `num_cat=${boundaries.length - 1}`,
    `split_feature=${join(nodes.map(({ feature }) => feature))}`,
    `split_gain=${join(nodes.map(({ gain }) => gain))}`,
    `threshold=${join(thresholds)}`,
    `decision_type=${join(nodes.map(({ categorical, flags }) => Number(categorical) + 2 * flags))}`,
    `left_child=${join(children.map(([left]) => left))}`,
    `right_child=${join(children.map(([, right]) => right))}`,
    `leaf_value=${join([0.5 + t, ...nodes.map(({ value }) => value)])}`,
    `leaf_count=${join(leafRows)}`,
    `internal_count=${join([...nodeRows])}`,
    ...(boundaries.length > 1 ? [`cat_boundaries=${join(boundaries)}`, `cat_threshold=${join(words)}`] : []),
    'is_linear=0',
    'shrinkage=1',
    '\n',
  ].join('\n');
}

const join = (values: readonly unknown[]): string => values.join(' ');
