/**
 * Reads LightGBM's model text (`lightgbm_model.txt`). Strict where LightGBM is lenient: a text is refused, with the
 * place and the reason, where a walk could leave its tree or a score would depend on anything outside the file.
 */
import { ArtifactError } from '../errors.js';
import { quote } from '../quote.js';
import type { Booster, Objective, Transform, Tree } from './booster.js';
import { ModelTextError, refuse } from './model-text-error.js';
import { type Range, integers } from './number-lists.js';
import { readPandasCategories } from './pandas-categories.js';
import { readTree } from './parse-tree.js';
import { TextLines } from './text-lines.js';

/** No real model reaches these limits; they keep a hostile file from exhausting memory. */
const LIMITS = { features: 1_000_000, outputs: 10_000 } as const;

type Header = ReadonlyMap<string, string>;

/**
 * @param text the whole model text: bytes may be more than a JavaScript string can hold
 * @param file its name, for errors
 * @throws ArtifactError naming `file` and the reason
 */
export function parseBooster(text: string | Uint8Array, file = 'lightgbm_model.txt'): Booster {
  return naming(file, () => readModel(new TextLines(typeof text === 'string' ? Buffer.from(text) : text)));
}

/** What the header of a model text says, without its trees. @throws ArtifactError naming `file` */
export function parseHeader(text: Uint8Array, file: string): Pick<Booster, 'featureNames' | 'outputs' | 'objective'> {
  return naming(file, () => readFacts(headerOf(new TextLines(text))));
}

/** What is wrong with a text becomes an ArtifactError that names its file. */
function naming<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ModelTextError) throw new ArtifactError(file, error.message);
    throw error;
  }
}

function headerOf(lines: TextLines): Header {
  if (lines.line !== 'tree') refuse('not a LightGBM model text (the first line should be "tree")');
  lines.next();
  return readHeader(lines);
}

function readModel(lines: TextLines): Booster {
  const header = headerOf(lines);
  const facts = readFacts(header);
  const trees = readTrees(lines, facts.featureCount);
  if (trees.length % facts.outputs !== 0)
    refuse(`${trees.length} trees do not divide into iterations of ${facts.outputs}`);
  const sizes = header.get('tree_sizes');
  if (sizes !== undefined && words(sizes).length !== trees.length)
    refuse(`header: tree_sizes lists ${words(sizes).length} trees, but ${trees.length} follow`);
  const pandasCategories = readPandasCategories(lines, header);
  return { ...facts, trees, pandasCategories };
}

/** @returns the header's fields; `lines` is at the line that ends it */
function readHeader(lines: TextLines): Header {
  const header = new Map<string, string>();
  for (; lines.line !== undefined; lines.next()) {
    const { line } = lines;
    if (line.startsWith('Tree=') || isEnd(line)) break;
    const equals = line.indexOf('=');
    const key = equals < 0 ? line : line.slice(0, equals);
    if (key !== '' && header.has(key)) refuse(`header: ${quote(key)} appears twice`);
    header.set(key, equals < 0 ? '' : line.slice(equals + 1));
  }
  return header;
}

/** What ends the trees; LightGBM 2.0 and 2.1 write no mark, but how often each feature was used. */
const isEnd = (line: string): boolean => line === 'end of trees' || line === 'feature importances:';

/** What the header says of the whole model. */
function readFacts(header: Header): Omit<Booster, 'trees' | 'pandasCategories'> {
  const formatVersion = header.get('version') ?? refuse('header: no version');
  if (!['v2', 'v3', 'v4'].includes(formatVersion))
    refuse(`header: format version ${quote(formatVersion)} is not one of v2, v3, v4`);
  const outputs = headerInteger(header, header.has('num_tree_per_iteration') ? 'num_tree_per_iteration' : 'num_class', {
    min: 1,
    max: LIMITS.outputs,
  });
  const featureCount = headerInteger(header, 'max_feature_idx', { min: 0, max: LIMITS.features - 1 }) + 1;
  const featureNames = words(header.get('feature_names') ?? refuse('header: no feature_names'));
  if (featureNames.length !== featureCount)
    refuse(`header: feature_names has ${featureNames.length} names, max_feature_idx says ${featureCount}`);
  if (new Set(featureNames).size !== featureCount) refuse('header: feature_names repeats a name');
  const objective = readObjective(header.get('objective'));
  if (outputs > 1 && !['multiclass', 'multiclassova', 'custom'].includes(objective.name))
    refuse(`header: objective ${objective.name} with num_tree_per_iteration=${outputs}`);
  const averageOutput = header.has('average_output');
  return { formatVersion, outputs, featureCount, featureNames, objective, averageOutput };
}

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  binary: 'sigmoid',
  cross_entropy: 'sigmoid',
  cross_entropy_lambda: 'log1p_exp',
  multiclass: 'softmax',
  multiclassova: 'sigmoid',
  poisson: 'exp',
  gamma: 'exp',
  tweedie: 'exp',
  regression: 'identity',
  regression_l1: 'identity',
  huber: 'identity',
  fair: 'identity',
  quantile: 'identity',
  mape: 'identity',
  lambdarank: 'identity',
  rank_xendcg: 'identity',
  custom: 'identity',
};
/** Names that LightGBM has written, and reads, for another one. */
const ALIASES: Readonly<Record<string, string>> = {
  xentropy: 'cross_entropy',
  xentlambda: 'cross_entropy_lambda',
  mean_absolute_error: 'regression_l1',
  l1: 'regression_l1',
  mae: 'regression_l1',
  mean_squared_error: 'regression',
  regression_l2: 'regression',
  l2: 'regression',
  mse: 'regression',
  mean_absolute_percentage_error: 'mape',
  xendcg: 'rank_xendcg',
  ova: 'multiclassova',
  softmax: 'multiclass',
};

function readObjective(line: string | undefined): Objective {
  if (line === undefined) return { name: 'custom', transform: 'identity', sigmoid: 1 };
  const [written, ...options] = words(line);
  const name = ALIASES[written] ?? written;
  if (name === undefined || !Object.hasOwn(TRANSFORMS, name))
    return refuse(`header: objective ${quote(line)} is not one of LightGBM's`);
  const option = options.find((word) => word.startsWith('sigmoid:'));
  const sigmoid =
    option === undefined || !(name === 'binary' || name === 'multiclassova')
      ? 1
      : Number(option.slice('sigmoid:'.length));
  if (!(sigmoid > 0 && sigmoid < Infinity)) refuse(`header: objective ${quote(line)}: sigmoid is not a number above 0`);
  const transform = TRANSFORMS[name] === 'identity' && options.includes('sqrt') ? 'signed_square' : TRANSFORMS[name];
  return { name, transform, sigmoid };
}

/** Reads the trees, up to the line that ends them. */
function readTrees(lines: TextLines, featureCount: number): Tree[] {
  const trees: Tree[] = [];
  for (;;) {
    while (lines.line === '') lines.next();
    const { line } = lines;
    if (line === undefined)
      return refuse(`truncated: the text ends after ${trees.length} trees with no "end of trees"`);
    if (isEnd(line)) return trees;
    const name = `Tree=${trees.length}`;
    if (line !== name) refuse(`line ${lines.number}: expected ${name}, found ${quote(line)}`);
    const fields = new Map<string, string>();
    for (lines.next(); lines.line !== undefined && lines.line !== ''; lines.next()) {
      const field = lines.line;
      const equals = field.indexOf('=');
      if (equals < 0) refuse(`${name}, line ${lines.number}: expected key=value, found ${quote(field)}`);
      const key = field.slice(0, equals);
      if (fields.has(key)) refuse(`${name}: ${quote(key)} appears twice`);
      fields.set(key, field.slice(equals + 1));
    }
    trees.push(readTree(fields, featureCount, name));
  }
}

function headerInteger(header: Header, key: string, range: Range): number {
  return integers(header.get(key) ?? refuse(`header: no ${key}`), 1, range, `header: ${key}`)[0];
}

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');
