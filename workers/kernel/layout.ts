/**
 * The memory layouts that the kernel and the host share. AssemblyScript compiles this file into the kernel and
 * TypeScript into the host, so it contains only plain numbers. All memory is little-endian (WebAssembly).
 *
 * A record is defined by its size in bytes, NAME_BYTES or NAME_HEADER_BYTES, and the byte offset of each field,
 * NAME_..., followed by the field's type: i32, f64, piece (i32 offset, i32 length), or several of them, as in f64[2].
 * If a record has two kinds, the type of a field that belongs to only one of them names it: "i32, numerical".
 * `test/layout.test.ts` parses this file: fields are within their record, and no two overlap unless they are of
 * different kinds. A constant that is neither a size nor an offset must be in that test's list.
 *
 * BOOSTER IMAGE: one compiled model, position-independent (every offset counts bytes from the image's own start),
 * 64-byte aligned, read-only once written, shared by all threads. A "slot" is the interval between two neighbouring
 * thresholds of one feature (or a group of categories, or missing) that contains a value; all values of a slot take the
 * same path in every tree.
 *
 *   header                      HEADER_BYTES, the fields below
 *   columns   [columns]         COLUMN_BYTES each: how a feature's value becomes a slot; numerical ones first
 *   cuts      f64               per numerical column its ascending cuts, padded with +inf: to an even number for a
 *                               short column, to 2^depth - 1 for a long one; slot = number of cuts < value
 *   groups    u16               per categorical column: category -> slot, slot 0 for every other category and for
 *                               missing. A wide column, whose table would be too large, has sets of bits instead:
 *                               WIDE_SET_BYTES each, then u32 words (strategy walk only)
 *   importance f64 [features]   split importance
 *   calibrator f64 x, f64 y     isotonic thresholds
 *
 * nodes, in every image (strategy walk, and TreeSHAP)
 *   views                       A view is what a node compares, a u16 per row: 1 + slot, or for a missing value
 *                               VIEW_LEFT or VIEW_RIGHT, the side that the node sends it to. Every numerical column has
 *                               two, in the order of columns: missing values left, and right. Other treatments (missing
 *                               values as zero while other nodes distinguish them, zero as missing) are special views,
 *                               VIEW_BYTES each, computed from the first view of their column
 *   sets      u16 [slots][sets] per categorical column: VIEW_LEFT if the slot is in the set, else VIEW_RIGHT; a row's
 *                               slot selects a line, which becomes its views of this column
 *   nodes                       a tree's nodes in preorder, so that the left child follows its parent:
 *                               node  u64: k (16 bits) | byte offset of its view (24) |
 *                                     distance to the right child / 8 (24); goes left if view < k
 *                               leaf  u64 0 (never left, right to itself), then f64 value, or i32 leaf number in linear
 *                                     images
 *   roots     i32               byte offset of each tree's root in nodes; those of each output are padded to a
 *                               multiple of WALK_BLOCK with a leaf of 0
 *   linear    i32 [leaves + 1]  first term of each leaf's linear model; terms i32 features, f64 coefficients;
 *                               f64 [leaves] constants and values. HEADER_LINEAR is 0 if leaves are constant
 *
 * streams, in images of strategy mask32 / mask64 (trees of up to 32 / 64 leaves)
 *   streams   i32 [streams]     offset of each stream's table. A stream is one column, or several small ones combined
 *                               (slot = sum of slot * multiplier), so that a row reads fewer streams
 *   tables    u32 or u64        per stream [slots][trees]: the leaves of each tree still reachable with that slot.
 *                               The AND over all streams leaves one bit in each tree: the row's leaf
 *   leaves    f64               [trees][2^leafShift] leaf values
 *
 * explanation, if the model text has row counts and leaves are constant (HEADER_EXPLAIN_TREES is not 0)
 *   rules     f64               per number of pairs p: 1 - t [2p] of the points t of the Gauss-Legendre rule, and
 *                               weights [2p]; then the vectors of splits that are not repeated: 1 - t, 1 - t, 1
 *   trees     [trees]           EXPLAIN_TREE_BYTES each
 *   splits    [nodes]           SPLIT_BYTES each, parents before children
 *   vectors   f64 [3][2p]       for each split whose path has split on the same feature before: g if those splits let a
 *                               row through, g if not, and 1 / f^2 (see explain.ts)
 *   leaves    f64               per tree, the values of leaves whose sibling is a split
 *   expected  f64 [outputs]     expected value
 *
 * Trees are ordered by output. In the tables and leaves of streams, the trees of each output are padded to
 * HEADER_STREAM_TREES, a multiple of TREE_BLOCK. A padding tree has one leaf of 0.0, which changes no sum: a sum that
 * starts at +0.0 is never -0.0.
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
/** One of CALIBRATOR_..., below. */
export const HEADER_CALIBRATOR = 48; // i32
export const HEADER_STREAM_COUNT = 52; // i32
export const HEADER_STREAMS = 56; // i32
export const HEADER_LEAVES = 60; // i32
export const HEADER_LEAF_SHIFT = 64; // i32
export const HEADER_SPECIAL_VIEWS = 68; // i32
export const HEADER_VIEWS = 72; // i32
/** Number of u16 views of a row, including categorical ones; at least 1. */
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
/** Maximum number of splits of a tree. */
export const HEADER_EXPLAIN_SPLITS = 124; // i32
export const HEADER_SIGMOID = 128; // f64
export const HEADER_AVERAGE_DIVISOR = 136; // f64
/** Number of short columns: numerical ones whose cuts are all compared. They come first. */
export const HEADER_SHORT_COLUMNS = 144; // i32
/** 1 if the calibrator takes raw scores, 0 if predictions. */
export const HEADER_CALIBRATOR_RAW = 148; // i32
/** A sigmoid's. */
export const HEADER_CALIBRATOR_A = 152; // f64
export const HEADER_CALIBRATOR_B = 160; // f64

export const MAGIC = 0x3142534c; // "LSB1"

// Transforms of a raw score, HEADER_TRANSFORM
export const TRANSFORM_IDENTITY = 0;
export const TRANSFORM_SIGMOID = 1;
export const TRANSFORM_SOFTMAX = 2;
export const TRANSFORM_EXP = 3;
export const TRANSFORM_LOG1P_EXP = 4;
export const TRANSFORM_SIGNED_SQUARE = 5;

// Calibrators, HEADER_CALIBRATOR
export const CALIBRATOR_NONE = 0;
export const CALIBRATOR_ISOTONIC64 = 1;
export const CALIBRATOR_ISOTONIC32 = 2;
export const CALIBRATOR_SIGMOID = 3;

// Column record, numerical or categorical
export const COLUMN_BYTES = 40;
export const COLUMN_FEATURE = 0; // i32
/** For numerical columns, the pairs of cuts of a short one, or the search depth of a long one. */
export const COLUMN_LENGTH = 4; // i32
/** The offset of the cuts, or of the category groups; 0 for a wide column, which has neither. */
export const COLUMN_TABLE = 8; // i32
/** For numerical columns, the slot of a missing value; for categorical ones, the number of categories in the groups. */
export const COLUMN_MISSING = 12; // i32
/** For mask strategies: the stream, bytes per slot in it, and 1 if the column is the first of its stream. */
export const COLUMN_STREAM = 16; // i32
export const COLUMN_STRIDE = 20; // i32
export const COLUMN_FIRST = 24; // i32
/** The number of sets, the offset of the table of sets, and the index of the first view. */
export const COLUMN_SETS = 28; // i32, categorical
export const COLUMN_SET_TABLE = 32; // i32, categorical
export const COLUMN_FIRST_VIEW = 36; // i32, categorical
/** Both views of a missing value; the second one is in the upper half. */
export const COLUMN_MISSING_VIEWS = 28; // i32, numerical

// One set of a wide column: a category is in it if its bit is set; categories past its words are not.
export const WIDE_SET_BYTES = 8;
/** The offset of the bits, as u32 words, and their number. */
export const WIDE_SET_BITS = 0; // i32
export const WIDE_SET_WORDS = 4; // i32

// Special view record: computed from the first view v of a column,
// v == VIEW_LEFT ? missing : v == zero's first view ? zero : v
export const VIEW_BYTES = 16;
/** The index of the first view. */
export const VIEW_SOURCE = 0; // i32
export const VIEW_MISSING = 4; // i32
export const VIEW_ZERO_SOURCE = 8; // i32
export const VIEW_ZERO = 12; // i32

export const VIEW_LEFT = 0;
export const VIEW_RIGHT = 0xffff;

// Explanation: one tree. Splits are sorted into four runs of one kind each, so that the kernel branches once per run.
// "Repeated": the path has split on the feature before. "Last": both children are leaves.
//   own | repeated, and all others below a repeated one | last, own | last, repeated
export const EXPLAIN_TREE_BYTES = 40;
export const EXPLAIN_TREE_SPLITS = 0; // i32
/** Where runs end, as a number of splits. */
export const EXPLAIN_TREE_OWN = 4; // i32
export const EXPLAIN_TREE_INNER = 8; // i32
export const EXPLAIN_TREE_LAST_OWN = 12; // i32
export const EXPLAIN_TREE_SPLIT_COUNT = 16; // i32
/** Number of pairs of quadrature points: enough to be exact for the longest path of the tree. */
export const EXPLAIN_TREE_PAIRS = 20; // i32
export const EXPLAIN_TREE_RULE = 24; // i32
/** Values (f64) and number of the leaves whose sibling is a split; those of last splits are in the split records. */
export const EXPLAIN_TREE_LEAVES = 28; // i32
export const EXPLAIN_TREE_LEAF_COUNT = 32; // i32

// Explanation: one split, inner or last. The workspace of a tree has two vectors (products and means) for each split,
// in their order, and then for each leaf.
export const SPLIT_BYTES = 64;
/** As in the node: goes left if view < k; the view is a byte offset. */
export const SPLIT_K = 0; // i32
export const SPLIT_VIEW = 4; // i32
/** 16 * feature: the offset of its sum. */
export const SPLIT_FEATURE = 8; // i32
/**
 * For repeated splits: the offset of the flags of the nearest split above on the same feature (without one, of flags
 * that let everything through); 0 if this split is on its left, 1 on its right.
 */
export const SPLIT_ABOVE = 12; // i32
export const SPLIT_ABOVE_SIDE = 16; // i32
/** For repeated splits, the offset of the vectors. */
export const SPLIT_VECTORS = 20; // i32
/**
 * The workspaces of the children: left, right and left again. The shares of rows that all splits of the path on the
 * feature together send to the other side: of left, and of right.
 */
export const SPLIT_CHILDREN = 24; // i32[3], inner
export const SPLIT_OTHER_SHARES = 40; // f64[2], inner
/** By the side that a row goes to: the leaf's value, and its difference to the other one times the other's share. */
export const SPLIT_VALUES = 24; // f64[2], last
export const SPLIT_DIFFERENCES = 40; // f64[2], last

// Explanation: what the kernel stores for each split while it descends a tree
export const FLAGS_BYTES = 8;
/** The side the row goes to: 0 left, 1 right. */
export const FLAGS_SIDE = 0; // i32
/** Whether the splits above on the same feature let the row through, as a mask: 0 or -1. */
export const FLAGS_THROUGH = 4; // i32

/** Number of trees walked in parallel. */
export const WALK_BLOCK = 8;
export const TREE_BLOCK = 4;

/*
 * LANE: a batch of rows and everything computed for it. One thread owns a lane at a time: the acceptor while rows
 * gather and while it answers, a worker in between. The byte offsets of the parts are in the lane's header, as they
 * depend on the model.
 *
 *   header       LANE_HEADER_BYTES, the fields below
 *   rows         f64 [capacity][features]   inputs, NaN for missing, never changed
 *   raw          f64 [capacity][outputs]
 *   prediction   f64 [capacity][outputs]    after the objective's transform
 *   calibrated   f64 [capacity]             single-output models with a calibrator
 *   ranking      i32 [capacity][RANKED]     the features with the largest |value * importance|, -1 past the last
 *   scratch      i32 [capacity][streams], u16 [capacity][views]
 * and if the kernel writes the answers (see ANSWER TEXT)
 *   ids          [capacity][ID_BYTES]       u8 length (0: the kernel writes no answer), then the request id as JSON, in
 *                                           its quotes
 *   answers      [capacity][answer bytes]   ANSWER_HEADER_BYTES, then the text, from whose start the fields count
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

/** Maximum length of a request id that the kernel reads, with its quotes. */
export const MAX_ID_BYTES = 63;
/** Size of a length byte, the id, and what a copy may write past it. */
export const ID_BYTES = 80;

// The header of an answer
export const ANSWER_HEADER_BYTES = 16;
/** 0 if no answer was written. */
export const ANSWER_LENGTH = 0; // i32
export const ANSWER_SCORE_END = 4; // i32
/** Offset of the milliseconds: the kernel writes 0 there, the acceptor replaces it. */
export const ANSWER_TIME = 8; // i32

export const RANKED = 3;
export const RANKING_BYTES = 12;

/*
 * POWERS: 10^e for e from POWERS_MIN to POWERS_MAX, u64 low and high half each: ceil(10^e * 2^s), with s such that
 * the highest of 128 bits is set. The host writes them once, into the memory's first page, after the kernel's own
 * tables (for exp).
 */
export const POWERS = 0x8000;
export const POWERS_MIN = -27;
export const POWERS_MAX = 55;

/** Maximum number of characters of a double. */
export const NUMBER_BYTES = 25;
/** Text is copied in blocks of this size: a copy may read and write as many bytes past the end. */
export const COPY_BYTES = 16;

/*
 * REQUEST READER: what the kernel needs to read requests for one set of features, and what it found in the last one. It
 * belongs to one thread. Byte offsets count from the start of the reader.
 *
 *   header       READER_HEADER_BYTES, the fields below
 *   names        i32 offset, i32 length [count] of each feature's name as JSON, in its quotes
 *   slots        i32 [2^bits]   hash table of the names: 1 + index, 0 if empty
 *   values       f64 [count]    in the request's order
 *   order        i32 [count]    position of each feature in the request
 *
 * The results are stored outside the reader: rows f64 [requests][count] in the order of the names, ids [requests] of
 * REQUEST_ID_BYTES.
 */
export const READER_HEADER_BYTES = 64;
export const READER_COUNT = 0; // i32
export const READER_BITS = 4; // i32
export const READER_NAMES = 8; // i32
export const READER_SLOTS = 12; // i32
export const READER_VALUES = 16; // i32
export const READER_ORDER = 20; // i32
/** The address at which the last request ended. */
export const READER_END = 24; // i32

/** Size of the address and length of a request id, with its quotes; the length is 0 if there is none. */
export const REQUEST_ID_BYTES = 8;

/*
 * ANSWER TEXT: the constant parts of a model's answers. Offsets of pieces count from the start of the text.
 *
 *   header       TEXT_HEADER_BYTES, the pieces below
 *   features     [features]     TEXT_FEATURE_BYTES: piece up to the value, piece from there to the contribution
 */
export const TEXT_HEADER_BYTES = 64;
/** The text up to the score. */
export const TEXT_HEAD = 0; // piece
/** The text from the score to the first feature. */
export const TEXT_FEATURES = 8; // piece
/** The text from the last feature to the milliseconds. */
export const TEXT_VERSIONS = 16; // piece
/** The text from the milliseconds to the request id. */
export const TEXT_ID = 24; // piece
/** The parts of a log line: from the request id to the score, to the milliseconds, to the common end of a batch. */
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
