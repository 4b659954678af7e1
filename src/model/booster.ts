/**
 * A LightGBM booster as read from its model text, in plain values: every strategy is compiled from it, and the plain
 * tree walk evaluates it. Source: LightGBM `tree.h`, `gbdt_model_text.cpp` (v2 to v4 of the format).
 */

import type { PandasCategories } from './pandas-categories.js';

/** LightGBM's kZeroThreshold, the float 1e-35f as a double: every |x| at or below it is zero to LightGBM. */
export const ZERO_THRESHOLD = 1.0000000180025095e-35;

/** How a node treats missing values (bits 2-3 of `decision_type`). */
export const Missing = { none: 0, zero: 1, nan: 2 } as const;

/** The function that turns raw scores into predictions (LightGBM's `ConvertOutput`). */
export type Transform = 'identity' | 'sigmoid' | 'softmax' | 'exp' | 'log1p_exp' | 'signed_square';

export interface Objective {
  /** LightGBM's name, `custom` where the model names none. */
  readonly name: string;
  readonly transform: Transform;
  /** Slope of the sigmoid; 1 elsewhere. */
  readonly sigmoid: number;
}

/** Linear model of each leaf, or undefined where the tree has constant leaves. */
export interface LinearLeaves {
  /** [leafCount] */
  readonly constants: Float64Array;
  /** Per leaf, the features of its terms, in LightGBM's order of addition. */
  readonly features: readonly Int32Array[];
  /** Per leaf, the coefficients of its terms. */
  readonly coefficients: readonly Float64Array[];
}

/**
 * One tree. Internal nodes are numbered from 0 (the root); a child `c >= 0` is a node, a negative one is leaf `~c`.
 * A tree with one leaf has no nodes. Shrinkage is already in the leaf values.
 */
export interface Tree {
  readonly leafCount: number;
  /** [leafCount - 1] */
  readonly splitFeature: Int32Array;
  /** [leafCount - 1] threshold, or for a categorical node the index of its category set. */
  readonly threshold: Float64Array;
  /** [leafCount - 1] bit 0 categorical, bit 1 default left, bits 2-3 missing type. */
  readonly decisionType: Uint8Array;
  readonly leftChild: Int32Array;
  readonly rightChild: Int32Array;
  /** [leafCount - 1] gain of each split; the split importance counts the positive ones. */
  readonly splitGain: Float64Array;
  /** [leafCount] */
  readonly leafValue: Float64Array;
  /** [leafCount] training rows in each leaf; undefined where the text does not have them (no TreeSHAP then). */
  readonly leafRows: Float64Array | undefined;
  /** [leafCount - 1] training rows in each node; undefined where the text does not have them. */
  readonly nodeRows: Float64Array | undefined;
  /** Category set i is the bits of catBits' words from catBoundaries[i] up to, not including, catBoundaries[i + 1]. */
  readonly catBoundaries: Int32Array;
  readonly catBits: Uint32Array;
  readonly linear: LinearLeaves | undefined;
}

export interface Booster {
  readonly formatVersion: string;
  /** Scores per row: 1, or the number of classes. Tree i adds to score i % outputs. */
  readonly outputs: number;
  readonly featureCount: number;
  readonly featureNames: readonly string[];
  readonly objective: Objective;
  /** Random forest: the prediction averages over the iterations before the transform; the raw score does not. */
  readonly averageOutput: boolean;
  /** In training order. */
  readonly trees: readonly Tree[];
  readonly pandasCategories: PandasCategories;
}

export const isCategorical = (tree: Tree, node: number): boolean => (tree.decisionType[node] & 1) === 1;
export const isDefaultLeft = (tree: Tree, node: number): boolean => (tree.decisionType[node] & 2) === 2;
export const missingType = (tree: Tree, node: number): number => (tree.decisionType[node] >> 2) & 3;

/** Number of boosting iterations. */
export const iterationCount = (booster: Booster): number => booster.trees.length / booster.outputs;

/** LightGBM's `feature_importance()`: [featureCount] splits with positive gain. */
export function splitImportance(booster: Booster): Float64Array {
  const importance = new Float64Array(booster.featureCount);
  for (const tree of booster.trees) {
    for (let node = 0; node < tree.leafCount - 1; node++) {
      if (tree.splitGain[node] > 0) importance[tree.splitFeature[node]] += 1;
    }
  }
  return importance;
}
