/** The text of `lightscore inspect`. */
import type { FeatureInspection, Inspection } from './inspection.js';

const INDENT = ' '.repeat(12);
/** Longer metadata values are cut; --json prints them whole. */
const MAX_FIELD_LENGTH = 100;
/** Longer lists of features are cut; --json prints them whole. */
const MAX_FEATURES = 200;

/** A section for each part of the inspection. The features are the longest, so only the warnings follow them. */
export function describeInspection({
  model,
  trees,
  features,
  run,
  calibrator,
  metadata,
  files,
  warnings,
}: Inspection): string {
  const rowScores = model.outputs === 1 ? 'one score per row' : `${model.outputs} scores per row`;
  return [
    section('Model', [
      `${model.file} (format ${model.format}, ${grouped(model.bytes)} bytes)`,
      `SHA-256 ${model.sha256}`,
    ]),
    section('Objective', [
      `${model.objective}: ${rowScores}, transform ${model.transform}` +
        (model.average_output ? ', averaged over the iterations' : ''),
    ]),
    section('Trees', [
      `${grouped(trees.count)} with ${grouped(trees.leaves)} leaves; ` +
        `at most ${trees.most_leaves} leaves and depth ${trees.most_depth}` +
        (trees.linear > 0 ? `; ${trees.linear} with linear leaves` : '') +
        (trees.single_leaf > 0 ? `; ${trees.single_leaf} of a single leaf` : ''),
    ]),
    section('Kernel', [
      `${run.strategy}: ${run.reason}`,
      `image of ${grouped(run.image_bytes)} bytes, ${run.columns} columns` +
        (run.streams > 0 ? ` in ${run.streams} streams` : '') +
        (run.explainable ? '; TreeSHAP available' : '; no TreeSHAP'),
    ]),
    section('Calibrator', [
      calibrator === null
        ? 'none'
        : `isotonic (${calibrator.file}, ${calibrator.dtype}): ${calibrator.thresholds} thresholds ` +
          `from ${calibrator.x.join(' to ')}, scores from ${calibrator.y.join(' to ')}`,
    ]),
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
        ? ['no others than the model text']
        : files.map(({ name, sha256, checksum }) => `${name} ${sha256.slice(0, 16)}... ${CHECKSUM[checksum]}`),
    ),
    section('Features', featureTable(features)),
    ...(warnings.length === 0 ? [] : [section('Warnings', warnings)]),
    '',
  ].join('\n');
}

const CHECKSUM = {
  matches: '(as metadata.json says)',
  differs: '(NOT as metadata.json says)',
  none: '(no checksum in metadata.json)',
} as const;

function section(title: string, lines: readonly string[]): string {
  return lines.map((line, i) => `${i === 0 ? title.padEnd(INDENT.length) : INDENT}${line}`).join('\n');
}

function featureTable(features: readonly FeatureInspection[]): string[] {
  const width = Math.max(4, ...features.slice(0, MAX_FEATURES).map(({ name }) => name.length));
  const ranked = features.toSorted((a, b) => b.importance - a.importance);
  return [
    `${grouped(features.length)}, by the number of their splits`,
    ...ranked.slice(0, MAX_FEATURES).map(({ name, importance, columns }) => {
      const kinds = columns.map(({ kind, slots, missing }) => `${kind}, ${slots} slots, missing ${missing}`);
      const uses = kinds.length === 0 ? 'no tree splits on it' : kinds.join('; ');
      return `${name.padEnd(width)} ${String(importance).padStart(7)}  ${uses}`;
    }),
    ...(features.length > MAX_FEATURES
      ? [`... and ${grouped(features.length - MAX_FEATURES)} more (--json prints all)`]
      : []),
  ];
}

const grouped = (count: number): string => count.toLocaleString('en-US');

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_FIELD_LENGTH ? `${text.slice(0, MAX_FIELD_LENGTH)}...` : text;
}
