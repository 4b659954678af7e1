/** Rows at the edges of a model's comparisons: thresholds and their neighbours, odd numbers, odd categories. */
import { Random } from '../../src/train/random.js';

/** What a model's text says of one feature: every value it compares with. */
interface FeatureUse {
  readonly thresholds: number[];
  readonly categories: number[];
}

/** LightGBM's zero threshold: it treats |x| <= 1e-35f as zero. */
const ZERO = Math.fround(1e-35);
const bits = new BigInt64Array(1);
const double = new Float64Array(bits.buffer);

/** The next double above `x` (`steps` = 1) or below it (-1). */
export function neighbour(x: number, steps: 1 | -1): number {
  if (!Number.isFinite(x)) return x;
  if (x === 0) return steps * Number.MIN_VALUE;
  double[0] = x;
  bits[0] += x > 0 ? BigInt(steps) : BigInt(-steps);
  return double[0];
}

const ODD_NUMBERS = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1e300,
  -1e300,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  1e-310,
  -1e-310,
  2 ** -1022,
  ...[ZERO, -ZERO].flatMap((x) => [x, neighbour(x, 1), neighbour(x, -1)]),
];
/**
 * Around the ends of int32, to which LightGBM converts a category, and of what JavaScript's `| 0` and exact integers
 * hold.
 */
const ODD_CATEGORIES = [
  -1,
  -0.5,
  0.5,
  0.999_999_9,
  31,
  32,
  5000.75,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 32 + 3,
  2 ** 53,
  1e18,
  -1e18,
];

/**
 * `count` rows, laid out row after row, made to hit every rule of LightGBM's tree walk: values on each side of the
 * model's own thresholds and on them, missing values, infinities, denormals, LightGBM's zero threshold and its
 * neighbours, categories seen, unseen, fractional, negative and huge.
 * @param modelText the model's text, as LightGBM saves it
 */
export function hostileRows(modelText: string, seed: number, count: number): Float64Array {
  const random = new Random(seed);
  const features = readUse(modelText);
  const any = <T>(values: readonly T[]): T => values[random.below(values.length)];
  const cell = ({ thresholds, categories }: FeatureUse): number => {
    const kind = random.uniform();
    if (kind < 0.15) return any(ODD_NUMBERS);
    if (categories.length > 0 && kind < 0.75)
      return kind < 0.6
        ? any(categories) + random.pick([4, 1, 1]) - (random.chance(0.2) ? 0.25 : 0)
        : any(ODD_CATEGORIES);
    if (categories.length === 0 && kind < 0.18) return any(ODD_CATEGORIES);
    if (thresholds.length === 0) return random.normal() * 10 ** (random.below(12) - 6);
    const threshold = any(thresholds);
    if (kind < 0.4) return threshold;
    if (kind < 0.65) return neighbour(threshold, random.chance(0.5) ? 1 : -1);
    if (kind < 0.7) return -threshold;
    return threshold + random.normal() * (Math.abs(threshold) + 1e-3);
  };
  return Float64Array.from({ length: count * features.length }, (_, index) => cell(features[index % features.length]));
}

function readUse(modelText: string): FeatureUse[] {
  const lines = modelText.slice(0, modelText.indexOf('end of trees')).split('\n');
  const featureCount = numbers(lines.find((line) => line.startsWith('max_feature_idx=')) ?? '')[0] + 1;
  const features: FeatureUse[] = Array.from({ length: featureCount }, () => ({ thresholds: [], categories: [] }));
  for (const [at, line] of lines.entries()) {
    if (!line.startsWith('split_feature=')) continue;
    const end = lines.findIndex((other, index) => index > at && other === '');
    const field = (name: string) => numbers(lines.slice(at, end).find((other) => other.startsWith(`${name}=`)) ?? '');
    const [thresholds, decisions, boundaries, words] = [
      field('threshold'),
      field('decision_type'),
      field('cat_boundaries'),
      field('cat_threshold'),
    ];
    for (const [node, feature] of numbers(line).entries()) {
      if ((decisions[node] & 1) === 0) {
        features[feature].thresholds.push(thresholds[node]);
        continue;
      }
      for (let word = boundaries[thresholds[node]]; word < boundaries[thresholds[node] + 1]; word++) {
        for (let bit = 0; bit < 32; bit++) {
          if (((words[word] >>> bit) & 1) !== 0)
            features[feature].categories.push((word - boundaries[thresholds[node]]) * 32 + bit);
        }
      }
    }
  }
  return features;
}

/** The numbers of a `name=1 2 3` line. */
function numbers(line: string): number[] {
  return line
    .slice(line.indexOf('=') + 1)
    .split(' ')
    .filter((text) => text !== '')
    .map(parseNumber);
}

function parseNumber(text: string): number {
  return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
}
