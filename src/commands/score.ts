/** `lightscore score`: scores rows of a JSON file with the kernel, in this process. */
import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { LightscoreError, messageOf } from '../errors.js';
import { InProcessScorer, type Progress } from '../scoring/in-process.js';
import { systemReason } from '../system-error.js';
import { progressReport } from '../train/progress.js';
import { ModelFolder } from '../loading/model-folder.js';
import { type JsonFlag, printFailure, withJson } from './output.js';
import { quote } from '../quote.js';

const HELP = `
Rows are a JSON array; each row is an array of the model's features in its order, numbers or null for a missing value:
  [[53, 1, null], [47.5, 0, 2]]

Prints a JSON array with one element for each row:
  (default)         the calibrated score: probability, then the calibrator of the folder; single-output models only
  --probability     the prediction: the probability for a binary model, otherwise what the objective predicts
  --raw             the raw score, bit for bit LightGBM's predict(raw_score=True)
  --contributions   an array: TreeSHAP of each feature in raw-score space, then the expected value; they add up to the
                    raw score. For several classes, class after class, like LightGBM's predict(pred_contrib=True).
                    --raw and --probability do not change it: contributions are always in raw-score space
For several classes an element is an array of one number per class. All but the calibrated score need only
lightgbm_model.txt in the folder. Numbers are printed with the digits that identify their double.

With --json the array is the member "scores" of an object, and "kind" says which scores they are.

Examples:
  $ lightscore score --model models/v1.0.0 --rows rows.json
  $ lightscore score --model models/v1.0.0 --rows rows.json --raw > raw.json
  $ echo '[[53,1,2,0,0,0,7,0.43,1,1,0.78,0.88,0.23,0.79,0]]' | \\
      lightscore score --model models/v1.0.0 --rows - --contributions
`;

interface Flags extends JsonFlag {
  readonly model: string;
  readonly rows: string;
  readonly raw?: true;
  readonly probability?: true;
  readonly contributions?: true;
}

export function scoreCommand(): Command {
  const command = new Command('score')
    .summary('score rows of a JSON file')
    .description('score rows of a JSON file with a model, without a server')
    .requiredOption('--model <dir>', 'folder of one version, such as models/v1.0.0 (or a model text)')
    .requiredOption('--rows <file>', 'JSON array of rows; - reads standard input')
    .addOption(new Option('--raw', 'raw scores').conflicts('probability'))
    .option('--probability', 'predictions, not calibrated')
    .option('--contributions', 'contribution of each feature to the raw score, instead of scores')
    .addHelpText('after', HELP);
  return withJson(command).action((flags: Flags) => printFailure(flags, () => score(flags)));
}

async function score(flags: Flags): Promise<void> {
  const folder = await ModelFolder.open(flags.model);
  const metadata = (await folder.metadata())?.metadata;
  const { booster, calibrator: inFile } = await folder.model(metadata?.checksums);
  const { outputs, featureCount } = booster;
  const calibrated = flags.raw === undefined && flags.probability === undefined && flags.contributions === undefined;
  if (calibrated && outputs > 1) {
    throw new LightscoreError(
      'MODEL_UNSUPPORTED',
      `${folder.modelFile}: the model has ${outputs} outputs and cannot be calibrated; add --probability or --raw`,
    );
  }
  if (calibrated && folder.calibratorName === undefined && inFile === undefined) {
    const advice = 'add --probability or --raw for scores without calibration';
    throw new LightscoreError(
      'MODEL_UNSUPPORTED',
      `${folder.folder} holds no calibrator.json or calibrator.pkl; ${advice}`,
    );
  }
  const calibrator = calibrated ? (inFile ?? (await folder.calibrator(metadata))) : undefined;
  const rows = readRows(flags.rows === '-' ? await readStandardInput() : await readRowsFile(flags.rows), {
    source: flags.rows === '-' ? 'standard input' : flags.rows,
    featureCount,
  });

  const scorer = new InProcessScorer(booster, { calibrator });
  const progress = terminalProgress(rows.length / featureCount);
  const shape = (kind: string): string | undefined => (flags.json ? kind : undefined);
  if (flags.contributions) {
    const width = outputs * (featureCount + 1);
    return print(scorer.contributions(rows, progress), { width, nested: true, kind: shape('contributions') });
  }
  const scores = scorer.score(rows, progress);
  const kind = calibrated ? 'calibrated' : flags.raw ? 'raw' : 'prediction';
  print(scores[kind], { width: outputs, nested: outputs > 1, kind: shape(kind) });
}

/** Reports progress a few times a second, on a terminal only; timers cannot do it, as scoring blocks the event loop. */
function terminalProgress(count: number): Progress | undefined {
  if (!process.stderr.isTTY) return undefined;
  const report = progressReport(process.stderr);
  let shown = performance.now();
  return (done) => {
    if (performance.now() - shown < 250) return;
    shown = performance.now();
    if (done < count) report.status(`scored ${done} of ${count} rows`, false);
    else report.line(`scored ${count} rows`);
  };
}

async function readRowsFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new LightscoreError(
      'DATA_INVALID',
      `${file}: ${missing ? 'does not exist' : `cannot be read: ${systemReason(cause)}`}`,
      { cause },
    );
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * @param source the name of the text in errors
 * @returns [rows][features], NaN for a missing value
 * @throws LightscoreError DATA_INVALID naming `source` and the row
 */
export function readRows(
  text: string,
  { source, featureCount }: { readonly source: string; readonly featureCount: number },
): Float64Array {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new LightscoreError('DATA_INVALID', `${source}: ${reason}`, { cause });
  };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    // V8 quotes the text around the fault, which may hold line breaks; an error is one line.
    return refuse(`is not JSON (${messageOf(cause).replaceAll(/\s+/g, ' ')})`, cause);
  }
  if (!Array.isArray(list)) return refuse('is not a JSON array of rows');
  const rows = new Float64Array(list.length * featureCount);
  for (const [r, row] of (list as readonly unknown[]).entries()) {
    if (!Array.isArray(row)) return refuse(`row ${r} is not an array of numbers`);
    if (row.length !== featureCount)
      return refuse(`row ${r} has ${row.length} values, the model has ${featureCount} features`);
    for (const [f, value] of (row as readonly unknown[]).entries()) {
      if (value !== null && typeof value !== 'number')
        return refuse(`row ${r}, value ${f} is ${quote(value, 40)}, expected a number or null`);
      // JSON.parse turns 1e999 into Infinity.
      if (value !== null && !Number.isFinite(value)) return refuse(`row ${r}, value ${f} is too large for a double`);
      rows[r * featureCount + f] = value ?? NaN;
    }
  }
  return rows;
}

/** Neither one long text for millions of rows, nor one write for each row. */
const ROWS_PER_WRITE = 4096;

interface PrintedScores {
  /** Numbers of a row. */
  readonly width: number;
  /** Whether a row is an array, even of one number. */
  readonly nested: boolean;
  /** What the numbers are, in an object around the array; undefined for the bare array. */
  readonly kind: string | undefined;
}

/** Prints [rows][width] numbers as a JSON array of one number, or one array, for each row. */
function print(numbers: Float64Array, { width, nested, kind }: PrintedScores): void {
  const bad = numbers.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new LightscoreError(
      'DATA_INVALID',
      `the score of row ${Math.floor(bad / width)} is ${numbers[bad]}, which JSON cannot represent`,
    );
  const count = numbers.length / width;
  process.stdout.write(kind === undefined ? '[' : `{"kind":"${kind}","rows":${count},"scores":[`);
  for (let start = 0; start < count; start += ROWS_PER_WRITE) {
    let text = '';
    for (let r = start; r < Math.min(count, start + ROWS_PER_WRITE); r++) {
      const values = Array.from(numbers.subarray(r * width, (r + 1) * width), decimal).join(',');
      text += `${r === 0 ? '\n' : ',\n'}${nested ? `[${values}]` : values}`;
    }
    process.stdout.write(text);
  }
  const end = kind === undefined ? '' : '}';
  process.stdout.write(count === 0 ? `]${end}\n` : `\n]${end}\n`);
}

/** Returns the shortest decimal that identifies the double, including the sign of zero. */
const decimal = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
