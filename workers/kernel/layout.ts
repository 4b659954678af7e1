/*
 * The two layouts that the kernel and the host share, drawn once, here. AssemblyScript compiles this file into the
 * kernel and TypeScript into the host, so it holds plain numbers only. All memory is little-endian (WebAssembly).
 *
 * A record is stated as its size in bytes, NAME_BYTES or NAME_HEADER_BYTES, and the byte offset of each field,
 * NAME_..., with the field's type behind it: i32, f64, piece (i32 offset, i32 length), or several of them, as f64[2].
 * Where records are of two kinds, a field that only one of them has names it: "i32, numerical". `test/layout.test.ts`
 * reads this: fields stay within their record, and no two overlap unless they are of different kinds. A constant that
 * is neither is a plain number and stands on that test's list.
 *
 * BOOSTER IMAGE: one compiled model, position-independent (every offset counts bytes from the image's own start),
 * 64-byte aligned, read-only once written, shared by all threads. "slot": the interval between two neighbouring
 * thresholds of one feature (or a group of categories, or missing) into which a value falls; all values of a slot take
 * the same way in every tree.
 *
 *   header                      HEADER_BYTES, the fields below
 *   columns   [columns]         COLUMN_BYTES each: how a feature's value becomes a slot; numerical ones first
 *   cuts      f64               per numerical column its ascending cuts, padded with +inf: an even number of a short
 *                               column, 2^depth - 1 of a long one; slot = number of cuts < value
 *   groups    u16               per categorical column: category -> slot, slot 0 for every other category and for
 *                               missing
 *   importance f64 [features]   split importance
 *   calibrator f64 x, f64 y     isotonic thresholds
 *
 * nodes, in every image (strategy walk, and TreeSHAP)
 *   views                       A view is what a node compares, a u16 per row: 1 + slot, or where a value is missing
 *                               VIEW_LEFT or VIEW_RIGHT, the side that the node sends it to. Every numerical column has
 *                               two, in the order of columns: missing values left, and right. What else nodes ask for
 *                               (missing values as zero where other nodes tell them apart, zero as missing) is a
 *                               special view, VIEW_BYTES each, made from its column's first
 *   sets      u16 [slots][sets] per categorical column: VIEW_LEFT where the slot is in the set, else VIEW_RIGHT; a
 *                               row's slot picks a line, which becomes its views of this column
 *   nodes                       a tree's nodes in preorder, so that the left child follows its parent:
 *                               node  u64: k (16 bits) | byte offset of its view (24) |
 *                                     distance to the right child / 8 (24); goes left where view < k
 *                               leaf  u64 0 (never left, right to itself), then f64 value, or i32 leaf number in linear
 *                                     images
 *   roots     i32               byte offset of each tree's root in nodes; each output's padded to WALK_BLOCK with a
 *                               leaf of 0
 *   linear    i32 [leaves + 1]  first term of each leaf's linear model; terms i32 features, f64 coefficients;
 *                               f64 [leaves] constants and values. HEADER_LINEAR is 0 where leaves are constant
 *
 * streams, in images of strategy mask32 / mask64 (trees of up to 32 / 64 leaves)
 *   streams   i32 [streams]     offset of each stream's table. A stream is one column, or several small ones combined
 *                               (slot = sum of slot * multiplier), so that a row reads fewer streams
 *   tables    u32 or u64        per stream [slots][trees]: the leaves of each tree still reachable with that slot.
 *                               A row's leaf in a tree is the one bit left in the AND over all streams
 *   leaves    f64               [trees][2^leafShift] leaf values
 *
 * explanation, where the text carries row counts and leaves are constant (HEADER_EXPLAIN_TREES is not 0)
 *   rules     f64               per number of pairs p: 1 - t [2p] of the points t of the Gauss-Legendre rule, and
 *                               weights [2p]; then the vectors of splits that their path has not met: 1 - t, 1 - t, 1
 *   trees     [trees]           EXPLAIN_TREE_BYTES each
 *   splits    [nodes]           SPLIT_BYTES each, parents before children
 *   vectors   f64 [3][2p]       for each split whose feature its path has split on before: g where those splits let a
 *                               row through, g where not, and 1 / f^2 (see explain.ts)
 *   leaves    f64               leaf values of each tree, of leaves that stand beside a split
 *   expected  f64 [outputs]     expected value
 *
 * Trees are ordered output by output. In the tables and leaves of streams each output's are padded to streamTrees, a
 * multiple of TREE_BLOCK (a padding tree has one leaf of 0.0, which changes no sum: a sum that starts at +0.0 is never
 * -0.0).
 */

export const IMAGE_ALIGNMENT = 64;

// Header
export const HEADER_BYTES = 256;
export const HEADER_MAGIC = 0; // i32
export const HEADER_FEATURES = 4; // i32
export const HEADER_OUTPUTS = 8; // i32
export const HEADER_TREES_PER_OUTPUT = 12; // i32
export const HEADER_TRANSFORM = 16; // i32
export const HEADER_NUMERICAL_COLUMNS = 20; // i32
export const HEADER_COLUMN_COUNT = 24; // i32
export const HEADER_COLUMNS = 28; // i32
export const HEADER_IMPORTANCE = 32; // i32
export const HEADER_CALIBRATOR_COUNT = 36; // i32
export const HEADER_CALIBRATOR_X = 40; // i32
export const HEADER_CALIBRATOR_Y = 44; // i32
export const HEADER_CALIBRATOR_FLOAT32 = 48; // i32
export const HEADER_STREAM_COUNT = 52; // i32
export const HEADER_STREAMS = 56; // i32
export const HEADER_LEAVES = 60; // i32
export const HEADER_LEAF_SHIFT = 64; // i32
export const HEADER_SPECIAL_VIEWS = 68; // i32
export const HEADER_VIEWS = 72; // i32
/** u16 views of a row, categorical ones included; at least 1. */
export const HEADER_VIEW_TOTAL = 76; // i32
export const HEADER_ROOTS = 80; // i32
export const HEADER_ROOTS_PER_OUTPUT = 84; // i32
export const HEADER_NODES = 88; // i32
export const HEADER_LINEAR = 92; // i32
export const HEADER_LINEAR_FEATURES = 96; // i32
export const HEADER_LINEAR_COEFFICIENTS = 100; // i32
export const HEADER_LINEAR_CONSTANTS = 104; // i32
export const HEADER_LINEAR_VALUES = 108; // i32
export const HEADER_STREAM_TREES = 112; // i32
export const HEADER_EXPLAIN_TREES = 116; // i32
export const HEADER_EXPECTED = 120; // i32
/** Most splits of one tree. */
export const HEADER_EXPLAIN_SPLITS = 124; // i32
export const HEADER_SIGMOID = 128; // f64
export const HEADER_AVERAGE_DIVISOR = 136; // f64
/** Numerical columns whose cuts are all compared; they stand first. */
export const HEADER_SHORT_COLUMNS = 144; // i32

export const MAGIC = 0x3142534c; // "LSB1"

// Transforms of a raw score, HEADER_TRANSFORM
export const TRANSFORM_IDENTITY = 0;
export const TRANSFORM_SIGMOID = 1;
export const TRANSFORM_SOFTMAX = 2;
export const TRANSFORM_EXP = 3;
export const TRANSFORM_LOG1P_EXP = 4;
export const TRANSFORM_SIGNED_SQUARE = 5;

// Column record, numerical or categorical
export const COLUMN_BYTES = 40;
export const COLUMN_FEATURE = 0; // i32
/** Numerical: pairs of cuts of a short column; depth of a long one, which is searched. */
export const COLUMN_LENGTH = 4; // i32
/** Offset of the cuts, or of the category groups. */
export const COLUMN_TABLE = 8; // i32
/** Numerical: slot of a missing value. Categorical: number of categories in the group table. */
export const COLUMN_MISSING = 12; // i32
/** Mask strategies: the stream, bytes per slot in it, and 1 where the column is the first of its stream. */
export const COLUMN_STREAM = 16; // i32
export const COLUMN_STRIDE = 20; // i32
export const COLUMN_FIRST = 24; // i32
/** Number of its sets, offset of the table of sets, and place of its first view. */
export const COLUMN_SETS = 28; // i32, categorical
export const COLUMN_SET_TABLE = 32; // i32, categorical
export const COLUMN_FIRST_VIEW = 36; // i32, categorical
/** Both views of a missing value, the second one in the upper half. */
export const COLUMN_MISSING_VIEWS = 28; // i32, numerical

// Special view record: from the first view v of a column,
// v == VIEW_LEFT ? missing : v == zero's first view ? zero : v
export const VIEW_BYTES = 16;
/** Place of the first view. */
export const VIEW_SOURCE = 0; // i32
export const VIEW_MISSING = 4; // i32
export const VIEW_ZERO_SOURCE = 8; // i32
export const VIEW_ZERO = 12; // i32

export const VIEW_LEFT = 0;
export const VIEW_RIGHT = 0xffff;

// Explanation: one tree. Splits stand in four runs of one kind each, so that the kernel branches once a run.
// "Repeated": the path has split on the feature before. "Last": both children are leaves.
//   own | repeated, and whatever else stands below a repeated one | last, own | last, repeated
export const EXPLAIN_TREE_BYTES = 40;
export const EXPLAIN_TREE_SPLITS = 0; // i32
/** Where runs end: splits up to there. */
export const EXPLAIN_TREE_OWN = 4; // i32
export const EXPLAIN_TREE_INNER = 8; // i32
export const EXPLAIN_TREE_LAST_OWN = 12; // i32
export const EXPLAIN_TREE_SPLIT_COUNT = 16; // i32
/** Pairs of quadrature points: enough to be exact for the longest path of the tree. */
export const EXPLAIN_TREE_PAIRS = 20; // i32
export const EXPLAIN_TREE_RULE = 24; // i32
/** Values of the leaves beside a split, f64, and how many; the leaves of last splits are in their splits. */
export const EXPLAIN_TREE_LEAVES = 28; // i32
export const EXPLAIN_TREE_LEAF_COUNT = 32; // i32

// Explanation: one split, inner or last. Splits and leaves have a place each in the workspace of a tree, two vectors
// (products and means): splits first, in their order, then leaves.
export const SPLIT_BYTES = 64;
/** As in the node: goes left where view < k; the view as byte offset. */
export const SPLIT_K = 0; // i32
export const SPLIT_VIEW = 4; // i32
/** 16 * feature: place of its sum. */
export const SPLIT_FEATURE = 8; // i32
/**
 * Repeated: place of the flags of the nearest split above on the same feature (without one, of flags that let
 * everything through); 0 where this one is on its left, 1 on its right.
 */
export const SPLIT_ABOVE = 12; // i32
export const SPLIT_ABOVE_SIDE = 16; // i32
/** Repeated: place of its vectors. */
export const SPLIT_VECTORS = 20; // i32
/**
 * Workspaces of the children, left, right and left again; the share that all of the path's splits on the feature let
 * to the other side of left, and of right.
 */
export const SPLIT_CHILDREN = 24; // i32[3], inner
export const SPLIT_OTHER_SHARES = 40; // f64[2], inner
/** By the side that a row goes to, its leaf's value, and how far that is from the other, times the other's share. */
export const SPLIT_VALUES = 24; // f64[2], last
export const SPLIT_DIFFERENCES = 40; // f64[2], last

// Explanation: what the kernel notes of a split while it goes down a tree
export const FLAGS_BYTES = 8;
/** The side the row goes to: 0 left, 1 right. */
export const FLAGS_SIDE = 0; // i32
/** Whether the splits above on the same feature let the row through, as mask: 0 or -1. */
export const FLAGS_THROUGH = 4; // i32

/** Trees walked side by side. */
export const WALK_BLOCK = 8;
export const TREE_BLOCK = 4;

/*
 * LANE: a batch of rows and everything computed for it. One thread owns a lane at a time: the front end while rows
 * gather and while it answers, a worker in between. Byte offsets of the parts stand in the lane's own header, as they
 * depend on the model.
 *
 *   header       LANE_HEADER_BYTES, the fields below
 *   rows         f64 [capacity][features]   inputs, NaN for missing, never changed
 *   raw          f64 [capacity][outputs]
 *   prediction   f64 [capacity][outputs]    after the objective's transform
 *   calibrated   f64 [capacity]             single-output models with a calibrator
 *   ranking      i32 [capacity][RANKED]     the features with the largest |value * importance|, -1 past the last
 *   scratch      i32 [capacity][streams], u16 [capacity][views]
 * and where rows are answered with text that the kernel writes (see ANSWER TEXT)
 *   ids          [capacity][ID_BYTES]       u8 length (0: the kernel writes no answer), then the request id as JSON, in
 *                                           its quotes
 *   answers      [capacity][answer bytes]   ANSWER_HEADER_BYTES, then the text, in which the fields count
 * and in explain lanes
 *   contributions f64 [capacity][outputs][features + 1]   TreeSHAP in raw-score space, expected value last
 *   scratch      v128 [capacity][features] sums; of the largest tree: [splits] FLAGS_BYTES,
 *                f64 [splits + leaves][2][2p] work
 */
export const LANE_HEADER_BYTES = 64;
export const LANE_ROWS = 0; // i32
export const LANE_RAW = 4; // i32
export const LANE_PREDICTION = 8; // i32
export const LANE_CALIBRATED = 12; // i32
export const LANE_RANKING = 16; // i32
export const LANE_STREAMS = 20; // i32
export const LANE_VIEWS = 28; // i32
export const LANE_CONTRIBUTIONS = 32; // i32
export const LANE_EXPLAIN = 36; // i32
export const LANE_IDS = 40; // i32
export const LANE_ANSWERS = 44; // i32
/** Bytes from one answer to the next. */
export const LANE_ANSWER_BYTES = 48; // i32

/** Longest request id that the kernel takes, with its quotes. */
export const MOST_ID_BYTES = 63;
/** Its length, the id, and what copying writes behind it. */
export const ID_BYTES = 80;

// What stands before the text of an answer
export const ANSWER_HEADER_BYTES = 16;
/** 0: none was written. */
export const ANSWER_LENGTH = 0; // i32
export const ANSWER_SCORE_END = 4; // i32
/** Where the milliseconds stand: 0 until the front end, which knows them, writes them. */
export const ANSWER_TIME = 8; // i32

export const RANKED = 3;
export const RANKING_BYTES = 12;

/*
 * POWERS: 10^e for e from POWERS_LEAST to POWERS_MOST, u64 low and high half each: ceil(10^e * 2^s), s such that the
 * highest bit of 128 is set. They stand in the memory's first page, whose beginning is the kernel's own (tables of
 * exp). Written once by the host.
 */
export const POWERS = 0x8000;
export const POWERS_LEAST = -27;
export const POWERS_MOST = 55;

/** Most characters of a double as text. */
export const NUMBER_BYTES = 25;
/** Text is copied in pieces of this size: so much is read and written past its end. */
export const COPY_BYTES = 16;

/*
 * REQUEST READER: what the kernel needs to read requests for one set of features, and what it found in the last one. It
 * belongs to one thread. Byte offsets count from the reader's own start.
 *
 *   header       READER_HEADER_BYTES, the fields below
 *   names        i32 offset, i32 length [count] of each feature's name as JSON, in its quotes
 *   slots        i32 [2^bits]   hash table of the names: 1 + index, 0 where empty
 *   values       f64 [count]    in the request's order
 *   order        i32 [count]    where each feature stands in the request
 *
 * What was read goes elsewhere: rows f64 [requests][count] in the order of the names, ids [requests] of
 * REQUEST_ID_BYTES.
 */
export const READER_HEADER_BYTES = 64;
export const READER_COUNT = 0; // i32
export const READER_BITS = 4; // i32
export const READER_NAMES = 8; // i32
export const READER_SLOTS = 12; // i32
export const READER_VALUES = 16; // i32
export const READER_ORDER = 20; // i32
/** Where the last reading ended: an address. */
export const READER_END = 24; // i32

/** Address and length of a request id, with its quotes; length 0 without one. */
export const REQUEST_ID_BYTES = 8;

/*
 * ANSWER TEXT: everything in an answer that a model fixes. Offsets of pieces count from the text's own start.
 *
 *   header       TEXT_HEADER_BYTES, the pieces below
 *   features     [features]     TEXT_FEATURE_BYTES: piece up to the value, piece from there to the contribution
 */
export const TEXT_HEADER_BYTES = 64;
/** Up to the score. */
export const TEXT_HEAD = 0; // piece
/** From the score to the first feature. */
export const TEXT_FEATURES = 8; // piece
/** From the last feature to the milliseconds. */
export const TEXT_VERSIONS = 16; // piece
/** From the milliseconds to the request id. */
export const TEXT_ID = 24; // piece
/** A prediction's log line: from the request id to the score, to the milliseconds, to what ends a batch's lines. */
export const TEXT_LOG_SCORE = 32; // piece
export const TEXT_LOG_TIME = 40; // piece
export const TEXT_LOG_VERSION = 48; // piece

export const TEXT_FEATURE_BYTES = 16;

/*
 * PREDICTION LINES: the log of predictions, gathered until it is written. Offsets of pieces are addresses.
 *
 *   header       LINES_HEADER_BYTES: address where the next line begins; begin and end of a line, the same for all rows
 *                of a batch
 */
export const LINES_HEADER_BYTES = 32;
export const LINES_NEXT = 0; // i32
export const LINES_BEGIN = 8; // piece
export const LINES_END = 16; // piece
