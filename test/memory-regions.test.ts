/** The allocator of the shared memory, and the layout of lanes in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FreeRegions } from '../src/scoring/free-regions.js';
import { createLane, planLane } from '../src/scoring/lane.js';
import { SharedMemory } from '../src/scoring/memory.js';

/** The first page belongs to the kernel. */
const FIRST = 65_536;
const PAGE = 65_536;

/** Allocates `bytes`, or frees one of the regions in use, chosen by `free`. */
type Step = { readonly bytes: number } | { readonly free: number };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ bytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 200_000 })) }),
    },
    { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
  ),
  { maxLength: 120 },
);

test('regions are aligned, disjoint and inside the memory, and keep their bytes', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const memory = new SharedMemory();
      const regions: { readonly address: number; readonly bytes: number; readonly mark: number }[] = [];
      const view = (address: number, bytes: number): Uint8Array => new Uint8Array(memory.memory.buffer, address, bytes);
      for (const [i, step] of sequence.entries()) {
        if ('bytes' in step) {
          const address = memory.allocate(step.bytes);
          assert.equal(address % 64, 0);
          assert(address >= FIRST && address + step.bytes <= memory.totalBytes);
          const mark = i % 251;
          view(address, step.bytes).fill(mark);
          regions.push({ address, bytes: step.bytes, mark });
        } else if (regions.length > 0) {
          const [region] = regions.splice(step.free % regions.length, 1);
          memory.free(region.address);
          assert.throws(() => memory.free(region.address), RangeError);
        }
      }
      const sorted = regions.toSorted((a, b) => a.address - b.address);
      for (const [i, region] of sorted.entries())
        if (i > 0) assert(sorted[i - 1].address + sorted[i - 1].bytes <= region.address);
      for (const { address, bytes, mark } of regions) assert(view(address, bytes).every((byte) => byte === mark));
      assert.equal(
        memory.usedBytes,
        regions.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 64) * 64, 0),
      );

      // Whatever the order of allocations, the free regions merge into one again.
      for (const { address } of regions) memory.free(address);
      assert.equal(memory.usedBytes, 0);
      const total = memory.totalBytes;
      assert.equal(memory.allocate(total - FIRST), FIRST);
      assert.equal(memory.totalBytes, total, 'the memory did not grow');
    }),
    { numRuns: 150, seed: 4 },
  );
});

test('memory grows by what is missing beyond the free region at its end', () => {
  const memory = new SharedMemory();
  const first = memory.allocate(PAGE - 64);
  const before = memory.totalBytes;
  const second = memory.allocate(PAGE);
  assert.equal(second, first + PAGE - 64);
  assert.equal(memory.totalBytes, before + PAGE);
});

test('an allocation beyond 4 GiB is refused, and the memory is unchanged', () => {
  const memory = new SharedMemory();
  const address = memory.allocate(1000);
  assert.throws(() => memory.allocate(5 * 2 ** 30), { code: 'MODEL_UNSUPPORTED' });
  assert.equal(memory.usedBytes, 1024);
  memory.free(address);
  assert.equal(memory.usedBytes, 0);
});

test('free regions are disjoint: touching ones are merged, overlapping ones are refused', () => {
  const regions = new FreeRegions();
  regions.give({ address: 1024, bytes: 256 });
  regions.give({ address: 2048, bytes: 256 });
  for (const [address, bytes, fault] of [
    [1024, 256, /^InvariantError: a region is freed that is already free$/],
    [1088, 64, /^InvariantError: a region is freed that is already free$/],
    [960, 128, /^InvariantError: a region is freed that overlaps the next free one$/],
    [1280, 832, /^InvariantError: a region is freed that overlaps the next free one$/],
  ] as const)
    assert.throws(() => regions.give({ address, bytes }), fault);
  assert.equal(regions.bytes, 512);
  assert.equal(regions.take(1280), undefined);
  regions.give({ address: 1280, bytes: 768 });
  assert.equal(regions.take(1280), 1024);
  assert.equal(regions.bytes, 0);
});

test('a memory whose regions do not add up to its size throws', () => {
  const memory = new SharedMemory();
  const address = memory.allocate(1000);
  memory.memory.grow(1);
  const fault = /^InvariantError: the free and the used regions of the shared memory do not add up to its size$/;
  assert.throws(() => memory.allocate(1000), fault);
  assert.throws(() => memory.free(address), fault);
});

test('an allocation whose size is not positive is refused', () => {
  const memory = new SharedMemory();
  for (const bytes of [0, -64, NaN])
    assert.throws(() => memory.allocate(bytes), /^InvariantError: the size of an allocation is not positive$/);
  assert.equal(memory.usedBytes, 0);
});

test('the parts of a lane are disjoint and inside it, whatever the shape of the model', () => {
  const shape = fc.record({
    features: fc.integer({ min: 1, max: 3000 }),
    outputs: fc.integer({ min: 1, max: 20 }),
    streams: fc.integer({ min: 0, max: 50 }),
    views: fc.integer({ min: 0, max: 6000 }),
    explain: fc.constant(undefined),
  });
  fc.assert(
    fc.property(shape, fc.integer({ min: 1, max: 300 }), (modelShape, capacity) => {
      const plan = planLane(modelShape, capacity, 'score');
      const starts = [...plan.offsets.values()];
      for (const [i, start] of starts.entries()) {
        assert.equal(start % 16, 0);
        assert(start >= 64 && start <= plan.bytes);
        if (i > 0) assert(start >= starts[i - 1]);
      }
    }),
    { numRuns: 200, seed: 5 },
  );
  const memory = new SharedMemory();
  const lane = createLane(memory, { features: 7, outputs: 1, streams: 3, views: 6, explain: undefined }, 33, 'score');
  const parts = {
    rows: lane.rows,
    raw: lane.raw,
    prediction: lane.prediction,
    calibrated: lane.calibrated,
    ranking: lane.ranking,
  };
  const marks = new Map(Object.keys(parts).map((name, i) => [name, i + 1]));
  for (const [name, part] of Object.entries(parts)) part.fill(marks.get(name) ?? 0);
  for (const [name, part] of Object.entries(parts))
    assert(
      part.every((value) => value === marks.get(name)),
      name,
    );
  assert.deepEqual(
    [lane.rows.length, lane.raw.length, lane.calibrated.length, lane.ranking.length],
    [33 * 7, 33, 33, 99],
  );
});
