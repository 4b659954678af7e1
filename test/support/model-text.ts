/**
 * Small model texts in LightGBM's format, written by hand: what tests of the parser and of the kernel change and break.
 */

/** Three features, three trees: missing types none, zero and NaN, a categorical split, a single leaf. */
export const SMALL_MODEL = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=amount kind age
feature_infos=[-5:9] 0:1:2:33 [0:1]
tree_sizes=400 300 200

Tree=0
num_leaves=4
num_cat=0
split_feature=0 2 0
split_gain=10 5 0
threshold=0.5 1.0000000180025095e-35 -2.25
decision_type=2 8 6
left_child=1 -1 -3
right_child=2 -2 -4
leaf_value=0.125 -0.25 0.5 -1
leaf_weight=1 1 1 1
leaf_count=10 20 30 40
internal_value=0 0 0
internal_weight=4 2 2
internal_count=100 30 70
is_linear=0
shrinkage=1


Tree=1
num_leaves=3
num_cat=1
split_feature=1 0
split_gain=3 2
threshold=0 inf
decision_type=1 10
left_child=1 -1
right_child=-3 -2
leaf_value=0.0625 0.75 -0.375
leaf_weight=1 1 1
leaf_count=25 25 50
internal_value=0 0
internal_weight=3 2
internal_count=100 50
cat_boundaries=0 2
cat_threshold=5 2
is_linear=0
shrinkage=0.1


Tree=2
num_leaves=1
num_cat=0
split_feature=
split_gain=
threshold=
decision_type=
left_child=
right_child=
leaf_value=0.03125
leaf_weight=
leaf_count=
internal_value=
internal_weight=
internal_count=
is_linear=0
shrinkage=1


end of trees

feature_importances:
amount=3

parameters:
[boosting: gbdt]
end of parameters

pandas_categorical:null
`;

/** Two features, one tree of linear leaves. */
export const LINEAR_MODEL = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=regression
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes=400

Tree=0
num_leaves=2
num_cat=0
split_feature=0
split_gain=1
threshold=0.5
decision_type=10
left_child=-1
right_child=-2
leaf_value=1 2
leaf_weight=1 1
leaf_count=1 1
internal_value=0
internal_weight=2
internal_count=2
is_linear=1
leaf_const=0.5 -0.5
num_features=1 2
leaf_features=1  0 1 
leaf_coeff=2.5  -1 0.25 
shrinkage=1


end of trees

`;

const list = (length: number, value: (i: number) => number | string): string =>
  Array.from({ length }, (_, i) => value(i)).join(' ');

/** A chain of `leaves` leaves, each split on another feature in turn: as deep as a tree can be. */
export function chainModel(leaves: number, features: number): string {
  const nodes = leaves - 1;
  return `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=${features - 1}
objective=regression
feature_names=${list(features, (i) => `f${i}`)}

Tree=0
num_leaves=${leaves}
num_cat=0
split_feature=${list(nodes, (i) => i % features)}
split_gain=${list(nodes, () => 1)}
threshold=${list(nodes, (i) => i / 2)}
decision_type=${list(nodes, () => 10)}
left_child=${list(nodes, (i) => (i === nodes - 1 ? -leaves : i + 1))}
right_child=${list(nodes, (i) => -1 - i)}
leaf_value=${list(leaves, (i) => i / 8)}
leaf_count=${list(leaves, () => 2)}
internal_count=${list(nodes, (i) => 2 * (leaves - i))}
is_linear=0
shrinkage=1


end of trees
`;
}
