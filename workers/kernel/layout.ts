/*
 * The two layouts that the kernel and the host share, drawn once, here. AssemblyScript compiles this file into the kernel and
 * TypeScript into the host, so it holds plain numbers only. All memory is little-endian (WebAssembly).
 *
 * BOOSTER IMAGE: one compiled model, position-independent (every offset counts bytes from the image's own start), 64-byte
 * aligned, read-only once written, shared by all threads. "slot": the interval between two neighbouring thresholds of one
 * feature (or a group of categories, or missing) into which a value falls; all values of a slot take the same way in every tree.
 *
 *   header                      HEADER_BYTES, the i32 and f64 fields below
 *   columns   [columns]         COLUMN_BYTES each: how a feature's value becomes a slot; numerical ones first
 *   cuts      f64               per numerical column 2^depth - 1 ascending cuts, padded with +inf; slot = number of cuts < value
 *   groups    u16               per categorical column: category -> slot, slot 0 for every other category and for missing
 *   importance f64 [features]   split importance
 *   calibrator f64 x, f64 y     isotonic thresholds
 *
 * nodes, in every image (strategy walk, and TreeSHAP)
 *   views     [views]           VIEW_BYTES each: a column as nodes see it (missing and zero moved to the side they default to)
 *   roots     i32 [trees]       index of each tree's root node, or ~leaf
 *   nodes                       NODE_BYTES each, a tree's in preorder; goes left where view value <= k, or for a categorical
 *                               node where bit k + slot of the category bits is set
 *   values    f64 [leaves]      values of all leaves of all trees; a leaf's number counts through the trees
 *   linear    i32 [leaves + 1]  first term of each leaf's linear model; terms i32 features, f64 coefficients; constants
 *                               f64 [leaves]. HEADER_LINEAR is 0 where leaves are constant
 *
 * streams, in images of strategy mask32 / mask64 (trees of up to 32 / 64 leaves)
 *   streams   i32 [streams]     offset of each stream's table. A stream is one column, or several small ones combined
 *                               (slot = sum of slot * multiplier), so that a row reads fewer streams
 *   tables    u32 or u64        per stream [slots][trees]: the leaves of each tree still reachable with that slot.
 *                               A row's leaf in a tree is the one bit left in the AND over all streams
 *   leaves    f64               [trees][2^leafShift] leaf values
 *
 * explanation, where the text carries row counts and leaves are constant (HEADER_SHAP_LEAVES is not 0)
 *   unique    u16 [nodes]       place of the node's feature among the different features of its path
 *   paths     i32 [leaves + 1]  first element of each leaf's path; an element (ELEMENT_BYTES) is one different feature of it:
 *                               i32 feature, f64 share of training rows that all its splits let through to this leaf
 *   quadrature i32 [depth + 1]  offset of the Gauss-Legendre rule (f64 point, f64 weight on 0..1) for a path of that length;
 *                               its number of points is (length + 1) / 2
 *   expected  f64 [outputs]     expected value
 *
 * Trees are ordered output by output. In the tables and leaves of streams each output's are padded to streamTrees, a multiple of
 * TREE_BLOCK (a padding tree has one leaf of 0.0, which changes no sum: a sum that starts at +0.0 is never -0.0).
 */

export const IMAGE_ALIGNMENT = 64;
export const HEADER_BYTES = 256;

// Header, i32 fields (byte offsets)
export const HEADER_MAGIC = 0;
export const HEADER_FEATURES = 4;
export const HEADER_OUTPUTS = 8;
export const HEADER_TREES_PER_OUTPUT = 12;
export const HEADER_TRANSFORM = 16;
export const HEADER_NUMERICAL_COLUMNS = 20;
export const HEADER_COLUMN_COUNT = 24;
export const HEADER_COLUMNS = 28;
export const HEADER_IMPORTANCE = 32;
export const HEADER_CALIBRATOR_COUNT = 36;
export const HEADER_CALIBRATOR_X = 40;
export const HEADER_CALIBRATOR_Y = 44;
export const HEADER_CALIBRATOR_FLOAT32 = 48;
export const HEADER_STREAM_COUNT = 52;
export const HEADER_STREAMS = 56;
export const HEADER_LEAVES = 60;
export const HEADER_LEAF_SHIFT = 64;
export const HEADER_VIEW_COUNT = 68;
export const HEADER_VIEWS = 72;
export const HEADER_ROOTS = 76;
export const HEADER_NODES = 80;
export const HEADER_CATEGORY_BITS = 84;
export const HEADER_LINEAR = 88;
export const HEADER_LINEAR_FEATURES = 92;
export const HEADER_LINEAR_COEFFICIENTS = 96;
export const HEADER_LINEAR_CONSTANTS = 100;
export const HEADER_VALUES = 104;
export const HEADER_STREAM_TREES = 108;
export const HEADER_UNIQUE = 112;
export const HEADER_PATHS = 116;
export const HEADER_ELEMENTS = 120;
export const HEADER_QUADRATURE = 124;
export const HEADER_EXPECTED = 128;
/** Longest path, in different features. */
export const HEADER_DEPTH = 132;
// Header, f64 fields
export const HEADER_SIGMOID = 144;
export const HEADER_AVERAGE_DIVISOR = 152;

export const MAGIC = 0x3142534c; // "LSB1"

// Transforms of a raw score, HEADER_TRANSFORM
export const TRANSFORM_IDENTITY = 0;
export const TRANSFORM_SIGMOID = 1;
export const TRANSFORM_SOFTMAX = 2;
export const TRANSFORM_EXP = 3;
export const TRANSFORM_LOG1P_EXP = 4;
export const TRANSFORM_SIGNED_SQUARE = 5;

// Column record
export const COLUMN_BYTES = 32;
export const COLUMN_FEATURE = 0;
/** Numerical: 2^depth - 1 cuts. */
export const COLUMN_DEPTH = 4;
/** Offset of the cuts, or of the category groups. */
export const COLUMN_TABLE = 8;
/** Numerical: slot of a missing value. Categorical: number of categories in the group table. */
export const COLUMN_MISSING = 12;
/** Mask strategies: the stream, bytes per slot in it, and 1 where the column is the first of its stream. */
export const COLUMN_STREAM = 16;
export const COLUMN_STRIDE = 20;
export const COLUMN_FIRST = 24;

// View record (walk): value = missing column slot ? missing : zero slot ? zero : slot
export const VIEW_BYTES = 20;
export const VIEW_COLUMN = 0;
export const VIEW_MISSING_SLOT = 4;
export const VIEW_MISSING = 8;
export const VIEW_ZERO_SLOT = 12;
export const VIEW_ZERO = 16;

// Node record (walk)
export const NODE_BYTES = 16;
/** View, or ~column for a categorical node. */
export const NODE_VIEW = 0;
/** Last slot that goes left, or first bit in the category bits. */
export const NODE_K = 4;
/** Node index, or ~leaf. */
export const NODE_LEFT = 8;
export const NODE_RIGHT = 12;

// Element record (explanation)
export const ELEMENT_BYTES = 16;
export const ELEMENT_FEATURE = 0;
export const ELEMENT_SHARE = 8;

export const TREE_BLOCK = 4;

/*
 * LANE: a batch of rows and everything computed for it. One thread owns a lane at a time: the front end while rows gather and
 * while it answers, a worker in between. Byte offsets of the parts stand in the lane's own header, as they depend on the model.
 *
 *   header       LANE_HEADER_BYTES, i32 fields below
 *   rows         f64 [capacity][features]   inputs, NaN for missing, never changed
 *   raw          f64 [capacity][outputs]
 *   prediction   f64 [capacity][outputs]    after the objective's transform
 *   calibrated   f64 [capacity]             single-output models with a calibrator
 *   ranking      i32 [capacity][RANKED]     the features with the largest |value * importance|, -1 past the last
 *   scratch      i32 [capacity][streams], [capacity][columns], [capacity][views]
 * and in explain lanes
 *   contributions f64 [capacity][outputs][features + 1]   TreeSHAP in raw-score space, expected value last
 *   path         f64 [3][depth + 1]         one row's path: one-fractions, factors, products
 */
export const LANE_HEADER_BYTES = 64;
export const LANE_ROWS = 0;
export const LANE_RAW = 4;
export const LANE_PREDICTION = 8;
export const LANE_CALIBRATED = 12;
export const LANE_RANKING = 16;
export const LANE_STREAMS = 20;
export const LANE_SLOTS = 24;
export const LANE_VIEWS = 28;
export const LANE_CONTRIBUTIONS = 32;
export const LANE_PATH = 36;

export const RANKED = 3;
export const RANKING_BYTES = 12;
