/**
 * The kernel's reader of requests against JSON.parse and the schema's validator: what it accepts they accept, and it
 * means the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FeatureMismatch, FeatureNames } from '../src/protocols/score/feature-names.js';
import { RequestReader } from '../src/protocols/score/request-reader.js';
import { validateScoreRequest } from '../src/contract/validators.generated.js';
import { compileKernel, instantiateKernel } from '../src/scoring/kernel.js';
import { createLane } from '../src/scoring/lane.js';
import { SharedMemory } from '../src/scoring/memory.js';

const memory = new SharedMemory();
const reader = new RequestReader(memory, instantiateKernel(compileKernel(), memory.memory).text, 250_000);

/** Ids go there. */
const lane = createLane(memory, { features: 1, outputs: 1, streams: 0, views: 1, explain: undefined }, 1, 'score', 256);

interface Read {
  readonly row: number[];
  readonly id: string | undefined;
}

function read(text: string, names: readonly string[]): Read | undefined {
  reader.expect(names);
  return reader.readSingle(Buffer.from(text))
    ? { row: Array.from(reader.rows.subarray(0, names.length)), id: reader.requestId }
    : undefined;
}

/** The same by JSON.parse, the validator and the names; undefined where one of them refuses. */
function parsed(text: string, names: readonly string[]): Read | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!validateScoreRequest(body)) return undefined;
  const order = new FeatureNames(names).resolve(body);
  if (order instanceof FeatureMismatch) return undefined;
  const row = names.map((_, i) => Number(body.features[order === null ? i : order[i]] ?? NaN));
  return { row, id: body.request_id ?? undefined };
}

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constant(null),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.integer({ min: -1000, max: 1000 }).map((n) => n / 100),
  fc.constantFrom(
    0,
    -0,
    1,
    1e21,
    1e-7,
    5e-324,
    2 ** 53,
    2 ** 53 + 2,
    0.1,
    1 / 3,
    1.7976931348623157e308,
    123456789012345680000,
  ),
);
const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 });
const nameOf = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20 }),
  fc.constantFrom('age', 'ltv_ratio', 'feature_with_a_long_name_1', 'feature_with_a_long_name_2', 'é'),
);

/** Feature names of a model, and a request for it as a client may write it. */
const requests = fc
  .uniqueArray(nameOf, { minLength: 1, maxLength: 20 })
  .chain((names) =>
    fc.record({
      names: fc.constant(names),
      values: fc.array(value, { minLength: names.length, maxLength: names.length }),
      order: fc.option(fc.shuffledSubarray(names, { minLength: names.length }), { nil: undefined }),
      id: fc.option(fc.oneof(fc.uuid(), fc.string({ maxLength: 80 })), { nil: undefined }),
      keys: fc.shuffledSubarray(['features', 'feature_names', 'request_id'], { minLength: 3 }),
      spaces: fc.infiniteStream(space),
    }),
  )
  .map(({ names, values, order, id, keys, spaces }) => {
    const next = (): string => spaces.next().value as string;
    const list = (items: readonly unknown[]): string =>
      `[${next()}${items.map((item) => JSON.stringify(item)).join(`${next()},${next()}`)}${next()}]`;
    const fields = keys.flatMap((key) => {
      if (key === 'features') return [`"features"${next()}:${next()}${list(values)}`];
      if (key === 'feature_names')
        return order === undefined ? [] : [`"feature_names"${next()}:${next()}${list(order)}`];
      return id === undefined ? [] : [`"request_id":${next()}${JSON.stringify(id)}`];
    });
    return { names, text: `${next()}{${next()}${fields.join(`${next()},${next()}`)}${next()}}${next()}` };
  });

test('a request that the kernel reads means what it means to JSON.parse, however it is written', () => {
  let taken = 0;
  fc.assert(
    fc.property(requests, ({ names, text }) => {
      const mine = read(text, names);
      if (mine === undefined) return;
      taken++;
      assert.deepEqual(mine, parsed(text, names));
    }),
    { numRuns: 3000 },
  );
  assert(taken > 300, `only ${taken} were taken`);
});

test('whatever stands in a body, the kernel takes nothing that the schema refuses', () => {
  const damage = fc.record({
    at: fc.nat(400),
    remove: fc.nat(3),
    insert: fc.oneof(
      fc.string({ maxLength: 2 }),
      fc.constantFrom('"', '\\', '\0', ',', ']', '}', '0', '-', '.', 'e9', 'null', '\u007f', '\ufeff', 'é'),
    ),
  });
  let taken = 0;
  fc.assert(
    fc.property(requests, fc.array(damage, { minLength: 1, maxLength: 2 }), ({ names, text }, damages) => {
      let broken = text;
      for (const { at, remove, insert } of damages)
        broken = broken.slice(0, at % text.length) + insert + broken.slice((at % text.length) + remove);
      const mine = read(broken, names);
      if (mine === undefined) return;
      taken++;
      assert.deepEqual(mine, parsed(broken, names), broken);
    }),
    { numRuns: 6000 },
  );
  assert(taken > 50, `only ${taken} were taken`);
});

test('numbers are read to the last bit, whatever their digits', () => {
  const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 1, maxLength: 22 });
  const exponent = fc.option(
    fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '-', '+'), fc.nat(330)).map((parts) => parts.join('')),
    { nil: '' },
  );
  const texts = fc
    .tuple(fc.constantFrom('', '-'), digits, fc.option(digits, { nil: undefined }), exponent)
    .map(([sign, whole, fraction, power]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${power}`);
  // Exactly half way between two doubles, and next to it.
  const halves = fc
    .tuple(fc.bigInt({ min: 2n ** 53n, max: 2n ** 54n }), fc.nat(9), fc.constantFrom('', '.5', 'e0', 'e2'))
    .map(([odd, power, end]) => `${odd * 2n ** BigInt(power)}${end}`);
  let taken = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        texts,
        halves,
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
      ),
      (text) => {
        const mine = read(`{"features":[${text}]}`, ['x']);
        if (mine === undefined) return;
        taken++;
        assert(Object.is(mine.row[0], JSON.parse(text)), `${text} was read as ${mine.row[0]}`);
      },
    ),
    { numRuns: 20_000 },
  );
  assert(taken > 5000, `only ${taken} were taken`);
});

test("what clients usually send is the kernel's to read", () => {
  const names = ['age', 'ltv_ratio', 'sin_valid_flag'];
  const usual: [string, Read][] = [
    ['{"features":[35,0.4306502609109536,null]}', { row: [35, 0.4306502609109536, NaN], id: undefined }],
    [
      '{"request_id": "b7c1f0a2-4d5e-4f60-8a9b-0c1d2e3f4a5b", "features": [-1.5, 1e-05, 0]}\n',
      { row: [-1.5, 1e-5, 0], id: 'b7c1f0a2-4d5e-4f60-8a9b-0c1d2e3f4a5b' },
    ],
    [
      '{"features":[1,2,3],"feature_names":["age","ltv_ratio","sin_valid_flag"],"request_id":""}',
      { row: [1, 2, 3], id: '' },
    ],
    [
      '{"feature_names": ["sin_valid_flag", "age", "ltv_ratio"], "features": [1, 2, 3]}',
      { row: [2, 3, 1], id: undefined },
    ],
  ];
  for (const [text, expected] of usual) assert.deepEqual(read(text, names), expected, text);
});

test('everything else is left to the host', () => {
  const names = ['a', 'b'];
  for (const text of [
    '',
    '{}',
    '[]',
    'null',
    '{"features":[1,2]',
    '{"features":[1,2]}x',
    '{"features":[1,2]}{',
    '{"features":[1]}',
    '{"features":[1,2,3]}',
    '{"features":[]}',
    '{"features":[1,2],}',
    '{"features":[1,,2]}',
    '{"features":[1,2],"features":[1,2]}',
    '{"features":[1,2],"extra":1}',
    '{"features":[01,2]}',
    '{"features":[1.,2]}',
    '{"features":[.5,2]}',
    '{"features":[+1,2]}',
    '{"features":[1e,2]}',
    '{"features":[NaN,2]}',
    '{"features":[1e400,2]}',
    '{"features":["1",2]}',
    '{"features":[true,2]}',
    '{"features":[nul,2]}',
    '{"features":[1,2],"request_id":7}',
    '{"features":[1,2],"request_id":null}',
    '{"features":[1,2],"feature_names":null}',
    '{"features":[1,2],"request_id":"\\u0041"}',
    '{"features":[1,2],"request_id":"é"}',
    `{"features":[1,2],"request_id":"${'x'.repeat(63)}"}`,
    '{"features":[1,2],"request_id":"a\nb"}',
    '{"features":[1,2],"feature_names":["a"]}',
    '{"features":[1,2],"feature_names":["a","a"]}',
    '{"features":[1,2],"feature_names":["a","c"]}',
    '{"features":[1,2],"feature_names":["a","b","c"]}',
    '{"features":[1,2],"feature_names":[]}',
    '{"feature_names":["a","b"]}',
    '\ufeff{"features":[1,2]}',
  ]) {
    assert.equal(read(text, names), undefined, text.slice(0, 100));
  }
});

test('a batch is read as its requests are, each with its id, whatever its size', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(nameOf, { minLength: 1, maxLength: 5 }),
      fc.nat(3000),
      fc.boolean(),
      (names, count, spaced) => {
        reader.expect(names);
        const features = (row: number): (number | null)[] =>
          names.map((_, i) => ((row + i) % 7 === 0 ? null : row / (i + 1)));
        const items = Array.from({ length: count }, (_, row) => ({
          features: features(row),
          ...(row % 3 > 0 && { request_id: `r${row}` }),
        }));
        const found = reader.readBatch(Buffer.from(spaced ? JSON.stringify(items, null, ' ') : JSON.stringify(items)));
        assert.equal(found, count);
        for (let row = 0; row < count; row += 13) {
          assert.deepEqual(
            Array.from(reader.rows.subarray(row * names.length, (row + 1) * names.length)),
            features(row).map((x) => x ?? NaN),
          );
          assert.equal(reader.putId(row, lane, 0), row % 3 > 0);
          if (row % 3 > 0) assert.equal(lane.idOf(0), `r${row}`);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("a batch with anything that the kernel leaves alone in it is the host's", () => {
  reader.expect(['a']);
  const good = '{"features":[1]}';
  for (const text of [
    '',
    '[]',
    '[',
    `[${good}`,
    `[${good},]`,
    `[${good} ${good}]`,
    `[,${good}]`,
    `[${good}]]`,
    `[${good}]x`,
    `[${good},{"features":["1"]}]`,
    `[${good},{"features":[1,2]}]`,
    good,
    `[[${good}]]`,
    `[${good},null]`,
  ]) {
    assert.equal(reader.readBatch(Buffer.from(text)), 0, text);
  }
  assert.equal(reader.readBatch(Buffer.from(` [ ${good} ,\n${good} ] `)), 2);
});

test('the smallest requests fill the buffer that holds a body of any size', () => {
  reader.expect(['a']);
  for (const count of [3000, 3855, 3856, 5000, 240_000])
    assert.equal(
      reader.readBatch(Buffer.from(`[${Array.from({ length: count }, () => '{"features":[1]}').join()}]`)),
      count,
    );
  assert.equal(
    reader.readBatch(Buffer.from(`[${Array.from({ length: 250_000 }, () => '{"features":[1]}').join()}]`)),
    0,
    'larger than 4 MiB',
  );
  const large = Array.from({ length: 20_000 }, (_, i) => i);
  reader.expect(large.map((i) => `f${i}`));
  assert(reader.readSingle(Buffer.from(JSON.stringify({ features: large }))));
  assert.deepEqual(Array.from(reader.rows.subarray(0, large.length)), large);
});
