/** The text of `lightscore inspect`. */
import type { FeatureInspection, Inspection } from './inspection.js';
import { grouped } from '../quote.js';

const INDENT = ' '.repeat(12);
/** Longer metadata is shortened; --json prints all of it. */
const MAX_FIELD_LENGTH = 100;
const MAX_FEATURE_ROWS = 200;
/** Further categories of a feature are counted; --json lists all of them. */
const MAX_CODES = 10;

/** Describes each part of the inspection in a section; the features, the longest, come last but for the warnings. */
export function describeInspection({
  model,
  trees,
  features,
  run,
  calibrator,
  metadata,
  files,
  served,
  warnings,
}: Inspection): string {
  return [
    section('Model', [
      `${model.file} (format ${model.format}, ${grouped(model.bytes)} bytes)`,
      `SHA-256 ${model.sha256}`,
      ...(model.class === undefined ? [] : [`a pickled ${model.class}${labelsOf(model.class_labels)}`]),
    ]),
    section('Objective', [
      `${model.objective}: ${model.outputs === 1 ? 'one score a row' : `${model.outputs} scores a row`}, ` +
        `transform ${model.transform}${model.average_output ? ', averaged over the iterations' : ''}`,
    ]),
    section('Trees', [
      `${grouped(trees.count)} with ${grouped(trees.leaves)} leaves; ` +
        `at most ${trees.most_leaves} leaves and depth ${trees.most_depth}` +
        (trees.linear > 0 ? `; ${trees.linear} with linear leaves` : '') +
        (trees.single_leaf > 0 ? `; ${trees.single_leaf} of a single leaf` : ''),
    ]),
    section('Kernel', [
      `${run.strategy}: ${run.reason}`,
      `image of ${grouped(run.image_bytes)} bytes, ` +
        `${run.columns} columns${run.streams > 0 ? ` in ${run.streams} streams` : ''}; ` +
        (run.unexplained === null ? 'TreeSHAP available' : `no TreeSHAP: ${run.unexplained}`),
    ]),
    section('Calibrator', [calibrator === null ? 'none' : calibratorText(calibrator)]),
    section(
      'Metadata',
      metadata === null
        ? ['none']
        : Object.entries(metadata).flatMap(([name, value]) =>
            name === 'feature_names' || name === 'checksums' ? [] : [`${name}: ${shown(value)}`],
          ),
    ),
    section(
      'Files',
      files.length === 0
        ? ['none beside the model']
        : files.map(({ name, sha256, checksum }) => `${name} ${sha256.slice(0, 16)}... ${CHECKSUM[checksum]}`),
    ),
    ...(served === null ? [] : [section('Served', [served ? 'yes' : 'no: the reason is the last line'])]),
    section('Features', featureTable(features)),
    ...(warnings.length === 0 ? [] : [section('Warnings', warnings)]),
    '',
  ].join('\n');
}

function calibratorText({ file, type, input, dtype, thresholds, x, y, a, b }: NonNullable<Inspection['calibrator']>) {
  const of = input === 'raw' ? ' of raw scores' : '';
  return type === 'sigmoid'
    ? `sigmoid${of} (${file}): a ${a}, b ${b}`
    : `isotonic${of} (${file}, ${dtype}): ${thresholds} thresholds from ${x?.join(' to ')}, ` +
        `scores from ${y?.join(' to ')}`;
}

const CHECKSUM = {
  matches: '(matches metadata.json)',
  differs: '(DIFFERS FROM metadata.json)',
  none: '(no checksum in metadata.json)',
} as const;

function section(title: string, lines: readonly string[]): string {
  return lines.map((line, i) => `${i === 0 ? title.padEnd(INDENT.length) : INDENT}${line}`).join('\n');
}

function featureTable(features: readonly FeatureInspection[]): string[] {
  const width = Math.max(4, ...features.slice(0, MAX_FEATURE_ROWS).map(({ name }) => name.length));
  const ranked = features.toSorted((a, b) => b.importance - a.importance);
  return [
    `${grouped(features.length)}, by the number of their splits`,
    ...ranked.slice(0, MAX_FEATURE_ROWS).map(({ name, importance, columns, categories }) => {
      const kinds = columns.map(
        ({ kind, slots, missing }) =>
          `${kind === 'wide' ? 'categorical' : kind}, ${kind === 'wide' ? 'too many for slots' : `${slots} slots`}, ` +
          `missing ${missing}`,
      );
      const how = kinds.length === 0 ? 'used by no split' : kinds.join('; ');
      return `${name.padEnd(width)} ${String(importance).padStart(7)}  ${how}${codesOf(categories)}`;
    }),
    ...(features.length > MAX_FEATURE_ROWS
      ? [`... and ${grouped(features.length - MAX_FEATURE_ROWS)} more (--json prints all)`]
      : []),
  ];
}

const labelsOf = (labels: Inspection['model']['class_labels']): string =>
  labels === undefined ? '' : ` of the classes ${labels.map((label) => JSON.stringify(label)).join(', ')}`;

/** The codes of a data frame's categories. */
function codesOf(categories: FeatureInspection['categories']): string {
  if (categories === undefined) return '';
  const rest = categories.length > MAX_CODES ? ` and ${categories.length - MAX_CODES} more` : '';
  const codes = categories.slice(0, MAX_CODES).map((category, code) => `${code} is ${JSON.stringify(category)}`);
  return `; ${codes.join(', ')}${rest}`;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_FIELD_LENGTH ? `${text.slice(0, MAX_FIELD_LENGTH)}...` : text;
}
