/** Names files that are no LightGBM model for what they are, with what makes the right one. */

export interface FileKind {
  /** With its article. */
  readonly kind: string;
  /** One sentence without its full stop. */
  readonly advice: string;
}

const SAVE = 'save the model as text: booster.save_model("model.txt")';
const OTHER_LIBRARY = 'this server scores LightGBM models';
const UNPACK = 'unpack it, and name the model in it';
/** So much of a file is looked at. */
const HEAD_BYTES = 4096;

type Row = readonly [matches: (head: Buffer, text: string) => boolean, kind: string, advice: string];

const starts =
  (...bytes: readonly number[]) =>
  (head: Buffer): boolean =>
    bytes.every((byte, i) => head[i] === byte);
const begins =
  (pattern: RegExp) =>
  (_: Buffer, text: string): boolean =>
    pattern.test(text);

/** The first that matches is the kind. */
const ROWS: readonly Row[] = [
  [(head) => head.length === 0, 'empty', SAVE],
  [
    begins(/^\s*\{[^]*"tree_info"|^\s*\{\s*"name"\s*:\s*"tree"/),
    'a JSON dump (dump_model), which LightGBM itself cannot read',
    SAVE,
  ],
  [begins(/^\s*\{[^]*"learner"\s*:/), 'a model of XGBoost', OTHER_LIBRARY],
  [begins(/^\s*\{[^]*"(?:oblivious_trees|catboost_version_info)"/), 'a model of CatBoost', OTHER_LIBRARY],
  [begins(/^CBM1/), 'a model of CatBoost', OTHER_LIBRARY],
  [begins(/^(?:binf|bs64)|^\{L[^]{0,40}learner/), 'a model of XGBoost', OTHER_LIBRARY],
  [begins(/^version https:\/\/git-lfs\.github\.com/), 'a Git LFS pointer, not the file', 'fetch it: git lfs pull'],
  [
    begins(/^\s*(?:<!doctype html|<html)/i),
    'an HTML page',
    'download the file itself: the server answered with a page',
  ],
  [begins(/^\s*(?:<\?xml[^]{0,400})?<PMML/i), 'a PMML document', SAVE],
  [begins(/^______LightGBM_Binary_File_Token______/), 'a data set of LightGBM, which is no model', SAVE],
  [begins(/#include|namespace LightGBM|double PredictTree0/), 'C++ code (convert_model)', SAVE],
  [starts(0x50, 0x4b, 3, 4), 'a zip archive', UNPACK],
  [starts(0x37, 0x7a, 0xbc, 0xaf), 'a 7z archive', UNPACK],
  [(head) => head.subarray(257, 262).toString('latin1') === 'ustar', 'a tar archive', UNPACK],
  [starts(0x28, 0xb5, 0x2f, 0xfd), 'compressed with zstd', 'decompress it: zstd -d'],
  [begins(/^(?:X\n|RDX[23]|RDA[23])/), 'an R object (.rds)', 'in R: lgb.save(model, "model.txt")'],
  [starts(0x08), 'an ONNX model, or another protocol buffer', SAVE],
  [begins(/^(?:\xff\xfe|\xfe\xff)|^t\0r\0e\0e/), 'a text in UTF-16', 'save it in UTF-8'],
  [begins(/^tree\r(?!\n)/), 'a text whose lines end with CR alone', 'save it with LF, as LightGBM writes it'],
  [begins(/^\ufeff|^\xef\xbb\xbftree/), 'a text with a byte order mark', 'save it without one'],
  [
    begins(/^[(}\]]|^c[a-z_.]+\n/),
    'a pickle of protocol 0 or 1, or another text',
    'dump it with protocol 2 or later, or save the text',
  ],
];

/** @returns undefined where it cannot be told */
export function fileKindOf(bytes: Uint8Array): FileKind | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, HEAD_BYTES));
  const text = head.toString('latin1');
  const row = ROWS.find(([matches]) => matches(head, text));
  return row === undefined ? undefined : { kind: row[1], advice: row[2] };
}
