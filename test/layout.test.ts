/**
 * The layouts that kernel and host share: `workers/kernel/layout.ts` states every field's offset and type, and this
 * reads it from there.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as L from '../workers/kernel/layout.js';
import { projectRoot } from './support/project.js';

/** Constants that are neither a field nor the size of a record with fields. */
const PLAIN: readonly string[] = [
  'IMAGE_ALIGNMENT',
  'MAGIC',
  'TRANSFORM_IDENTITY',
  'TRANSFORM_SIGMOID',
  'TRANSFORM_SOFTMAX',
  'TRANSFORM_EXP',
  'TRANSFORM_LOG1P_EXP',
  'TRANSFORM_SIGNED_SQUARE',
  'CALIBRATOR_NONE',
  'CALIBRATOR_ISOTONIC64',
  'CALIBRATOR_ISOTONIC32',
  'CALIBRATOR_SIGMOID',
  'VIEW_LEFT',
  'VIEW_RIGHT',
  'WALK_BLOCK',
  'TREE_BLOCK',
  'MAX_ID_BYTES',
  'ID_BYTES',
  'RANKED',
  'RANKING_BYTES',
  'POWERS',
  'POWERS_MIN',
  'POWERS_MAX',
  'NUMBER_BYTES',
  'COPY_BYTES',
  'REQUEST_ID_BYTES',
  'TEXT_FEATURE_BYTES',
];

/** Bytes of a value, and of what the processor reads of it at once. */
const TYPES: Readonly<Record<string, { readonly bytes: number; readonly word: number }>> = {
  i32: { bytes: 4, word: 4 },
  f64: { bytes: 8, word: 8 },
  piece: { bytes: 8, word: 4 },
};

interface Field {
  readonly name: string;
  /** Name of the constant that is the record's size; undefined where there is none. */
  readonly record: string | undefined;
  readonly type: string;
  readonly start: number;
  readonly end: number;
  /** The one kind of records that has it; undefined where all have. */
  readonly kind: string | undefined;
}

interface Layout {
  readonly constants: ReadonlyMap<string, number>;
  readonly fields: readonly Field[];
}

/** TEXT_LOG_TIME belongs to TEXT_LOG_BYTES or TEXT_LOG_HEADER_BYTES, else to TEXT_BYTES or TEXT_HEADER_BYTES. */
function recordOf(field: string, sizes: ReadonlySet<string>): string | undefined {
  const words = field.split('_');
  const prefixes = words.map((_, i) => words.slice(0, words.length - 1 - i).join('_'));
  return prefixes.flatMap((prefix) => [`${prefix}_BYTES`, `${prefix}_HEADER_BYTES`]).find((size) => sizes.has(size));
}

function readLayout(text: string): Layout {
  const declarations = [...text.matchAll(/^export const (\w+) = ([^;]+);(?: \/\/ (.+))?$/gm)].map(
    ([, name, value, comment = '']) => {
      const [, type = '', count = '1', kind] = /^(\w+)(?:\[(\d+)\])?(?:, (\w+))?$/.exec(comment) ?? [];
      return { name, value: Number(value), type, count: Number(count), kind };
    },
  );
  const sizes = new Set(declarations.filter(({ type }) => !(type in TYPES)).map(({ name }) => name));
  const fields = declarations
    .filter(({ type }) => type in TYPES)
    .map(({ name, value, type, count, kind }) => ({
      name,
      record: recordOf(name, sizes),
      type,
      start: value,
      end: value + count * TYPES[type].bytes,
      kind,
    }));
  return { constants: new Map(declarations.map(({ name, value }) => [name, value])), fields };
}

function overlap(a: Field, b: Field): boolean {
  const areOfTwoKinds = a.kind !== undefined && b.kind !== undefined && a.kind !== b.kind;
  return a.record === b.record && !areOfTwoKinds && a.start < b.end && b.start < a.end;
}

/** Everything that is wrong with a layout, a line each. */
function faultsOf(text: string): string[] {
  const { constants, fields } = readLayout(text);
  const named = new Set([...PLAIN, ...fields.flatMap(({ name, record }) => [name, record])]);
  const faults = [...constants.keys()]
    .filter((name) => !named.has(name))
    .map((name) => `${name} has no type, is no record's size, and is not on the list of plain numbers`);
  faults.push(...PLAIN.filter((name) => !constants.has(name)).map((name) => `${name} is not there`));
  for (const [i, field] of fields.entries()) {
    const { name, record = '', type, start, end } = field;
    const size = constants.get(record) ?? 0;
    const { word } = TYPES[type];
    if (size === 0) faults.push(`${name} belongs to no record`);
    if (start < 0 || end > size) faults.push(`${name} exceeds ${record}`);
    if (start % word !== 0 || size % word !== 0) faults.push(`${name} is not aligned`);
    for (const other of fields.slice(0, i)) if (overlap(field, other)) faults.push(`${name} overlaps ${other.name}`);
  }
  return faults;
}

const kernel = join(projectRoot, 'workers/kernel');
const source = readFileSync(join(kernel, 'layout.ts'), 'utf8');

function changed(from: string, to: string): string {
  assert(source.includes(from), from);
  return source.replace(from, to);
}

test('the fields of a record lie apart, aligned and within its size, and no constant is left out', () => {
  assert.deepEqual(Object.fromEntries(readLayout(source).constants), { ...L }, 'every constant was read');
  assert.deepEqual(faultsOf(source), []);
});

for (const [what, from, to, fault] of [
  ['a field on another one', 'HEADER_OUTPUTS = 8;', 'HEADER_OUTPUTS = 4;', 'HEADER_OUTPUTS overlaps HEADER_FEATURES'],
  [
    'a field that begins inside another one',
    'HEADER_SIGMOID = 128;',
    'HEADER_SIGMOID = 120;',
    'HEADER_SIGMOID overlaps HEADER_EXPECTED',
  ],
  ['a field past the end of its record', 'LINES_END = 16;', 'LINES_END = 28;', 'LINES_END exceeds LINES_HEADER_BYTES'],
  ['a field that is not aligned', 'HEADER_AVERAGE_DIVISOR = 136;', 'HEADER_AVERAGE_DIVISOR = 148;', 'not aligned'],
  [
    'a field whose type reaches into the next one',
    'SPLIT_VECTORS = 20; // i32',
    'SPLIT_VECTORS = 20; // f64',
    'SPLIT_CHILDREN overlaps SPLIT_VECTORS',
  ],
  [
    'a field of all kinds of records on one of a single kind',
    '40; // f64[2], last',
    '40; // f64[2]',
    'SPLIT_DIFFERENCES overlaps SPLIT_OTHER_SHARES',
  ],
  ['a record that is too small', 'COLUMN_BYTES = 40;', 'COLUMN_BYTES = 36;', 'COLUMN_FIRST_VIEW exceeds COLUMN_BYTES'],
  ['a field of no record', 'FLAGS_BYTES', 'FLAG_SIZE', 'FLAGS_SIDE belongs to no record'],
  [
    'a constant that is neither field nor plain number',
    'READER_END = 24; // i32',
    'READER_END = 24;',
    'READER_END has no type',
  ],
] as const)
  test(`${what} is found`, () => {
    const faults = faultsOf(changed(from, to));
    assert(
      faults.some((line) => line.includes(fault)),
      faults.join('\n') || 'nothing was found',
    );
  });

test('whichever field is moved onto any other of its record, it is found', () => {
  const { fields } = readLayout(source);
  for (const { name, record, start, kind } of fields)
    for (const other of fields) {
      if (other.record !== record || other.start === start || (kind !== undefined && other.kind !== kind)) continue;
      const faults = faultsOf(changed(`const ${name} = ${start};`, `const ${name} = ${other.start};`));
      assert(
        faults.some((line) => line.includes(name) && line.includes('overlaps')),
        `${name} at ${other.name}`,
      );
    }
});

test('sizes that follow from others do', () => {
  assert.equal(L.RANKING_BYTES, 4 * L.RANKED);
  assert.equal(L.REQUEST_ID_BYTES, TYPES['piece'].bytes);
  assert.equal(L.TEXT_FEATURE_BYTES, 2 * TYPES['piece'].bytes);
  assert(L.ID_BYTES >= 1 + L.MAX_ID_BYTES + L.COPY_BYTES, 'an id is copied with its length before it');
  assert(L.MAX_ID_BYTES < 2 ** 8, 'the length of an id is one byte');
  assert.equal(L.POWERS % 8, 0);
  assert(L.POWERS + 16 * (L.POWERS_MAX - L.POWERS_MIN + 1) <= 65_536, 'the powers end within the first page');
});

/** Bytes that the kernel's functions read or write at an address that they are given. */
const ACCESSES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    Object.entries({ u8: 1, u16: 2, i32: 4, u32: 4, u64: 8, f64: 8 }).flatMap(([type, bytes]) => [
      [`load<${type}>`, bytes],
      [`store<${type}>`, bytes],
    ]),
  ),
  field: 4,
  'v128.load64_splat': 8,
};

/** Calls of the function with the text of their arguments, nested calls left out of it. */
function callsIn(text: string): { readonly called: string; readonly given: string }[] {
  const calls: { called: string; given: string }[] = [];
  let before;
  let rest = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '');
  do {
    before = rest;
    rest = rest.replaceAll(/([\w.]*(?:<\w+>)?)\(([^()]*)\)/g, (_, called: string, given: string) => {
      calls.push({ called, given });
      return '#';
    });
  } while (rest !== before);
  return calls;
}

test('the kernel reads and writes every field as what it is', () => {
  const fields = new Map(readLayout(source).fields.map((field) => [field.name, field]));
  const seen = new Set<string>();
  for (const file of readdirSync(kernel).filter((name) => name.endsWith('.ts') && name !== 'layout.ts'))
    for (const { called, given } of callsIn(readFileSync(join(kernel, file), 'utf8')))
      for (const [name] of given.matchAll(/\b[A-Z][A-Z0-9_]+\b/g)) {
        const field = fields.get(name);
        if (field === undefined) continue;
        seen.add(name);
        const call = `${file}: ${called}(${given})`;
        if (called === 'copyPiece') assert.equal(field.type, 'piece', call);
        else assert.equal(ACCESSES[called], TYPES[field.type].word, call);
      }
  const unused = [...fields.keys()].filter((name) => !seen.has(name));
  assert.deepEqual(unused, ['HEADER_MAGIC'], 'what the host alone reads');
});
