/**
 * How far the default ranking of features, by |value x split importance|, is from the ranking by exact SHAP values:
 * `node dist/loadtest/explanations.js [--model DIR] [--rows FILE]`. Prints what docs/guides/explanations.md explains.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { projectRoot } from '../test/support/project.js';
import { readRows } from '../src/commands/score.js';
import { ModelFolder } from '../src/loading/model-folder.js';
import type { Booster } from '../src/model/booster.js';
import { InProcessScorer } from '../src/scoring/in-process.js';
import { generateDataSet } from '../src/train/data-set.js';
import { agreementOf, describeAgreement } from './traffic/rankings.js';

/** The data set that the demo model was trained on (docs/guides/train.md); no model saw its test rows. */
const DEMO_DATA = { rows: 50_000, fraudRate: 0.032, seed: 42 } as const;

interface Flags {
  readonly model: string;
  readonly rows?: string;
}

const flags = new Command('explanations')
  .description('Compares the default top features with those by exact SHAP values.')
  .option('--model <dir>', 'folder of one version', join(projectRoot, 'models/v1.0.0'))
  .option('--rows <file>', "JSON array of rows in the model's order (default: the demo model's test data)")
  .parse()
  .opts<Flags>();

/** [rows][features] */
function testRows({ featureNames }: Booster): Float64Array {
  const { columns, names, rows } = generateDataSet(DEMO_DATA).tables.test;
  const order = featureNames.map((name) => names.indexOf(name));
  if (order.includes(-1)) throw new Error("this model does not have the demo model's features: give --rows");
  return Float64Array.from({ length: rows * order.length }, (_, i) => {
    return columns[order[i % order.length]][Math.floor(i / order.length)];
  });
}

const { booster } = await (await ModelFolder.open(flags.model)).model();
const rows =
  flags.rows === undefined
    ? testRows(booster)
    : readRows(readFileSync(flags.rows, 'utf8'), { source: flags.rows, featureCount: booster.featureCount });
const scorer = new InProcessScorer(booster);
const agreement = agreementOf(booster, rows, scorer.contributions(rows));
const source = flags.rows ?? "the demo model's test data";
process.stdout.write(
  `${relative(process.cwd(), flags.model)}, ${source}: ${agreement.rows.toLocaleString('en-US')} rows\n` +
    describeAgreement(agreement),
);
