/** Labels of charts, by their bounding boxes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Box, type Dot, labelBox, overlap, placeLabels, spreadColumn } from '../src/train/label-placement.js';

const FONT_SIZE = 11;
const FRAME: Box = { left: 58, top: 20, right: 458, bottom: 352 };

function boxesOf(dots: readonly Dot[]): { labels: Box[]; marks: Box[] } {
  const places = placeLabels(dots, { fontSize: FONT_SIZE, frame: FRAME });
  return {
    labels: places.map((place, i) => labelBox(place, dots[i].label, FONT_SIZE)),
    marks: dots.map(({ x, y, radius }) => ({
      left: x - radius,
      right: x + radius,
      top: y - radius,
      bottom: y + radius,
    })),
  };
}

function assertApart(dots: readonly Dot[]): void {
  const { labels, marks } = boxesOf(dots);
  for (const [i, label] of labels.entries()) {
    for (const [j, other] of labels.entries()) if (i !== j) assert.equal(overlap(label, other), 0, `${i} and ${j}`);
    for (const [j, mark] of marks.entries()) assert.equal(overlap(label, mark), 0, `${i} covers dot ${j}`);
    assert.equal(overlap(label, FRAME).toFixed(6), overlap(label, label).toFixed(6), `${i} leaves the frame`);
  }
}

test('a large dot at the origin, with a small one beside it, gets a label beside it', () => {
  assertApart([
    { x: 62, y: 348, radius: 9, label: '6,964' },
    { x: 109, y: 318, radius: 4, label: '222' },
    { x: 145, y: 297, radius: 4, label: '145' },
  ]);
});

test('dots in every corner keep their labels inside the frame', () => {
  const { left, right, top, bottom } = FRAME;
  const corners = [
    [left, top],
    [left, bottom],
    [right, top],
    [right, bottom],
  ];
  assertApart(corners.map(([x, y]) => ({ x, y, radius: 6, label: '12,345' })));
});

test('dots of a reliability diagram, wherever they are, get labels that cover nothing', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const bins = fc.array(fc.record({ y: share, radius: fc.double({ min: 3, max: 9, noNaN: true }) }), {
    minLength: 1,
    maxLength: 10,
  });
  fc.assert(
    fc.property(bins, (drawn) => {
      assertApart(
        drawn.map(({ y, radius }, i) => ({
          x: FRAME.left + ((i + 0.5) / 10) * (FRAME.right - FRAME.left),
          y: FRAME.bottom - y * (FRAME.bottom - FRAME.top),
          radius,
          label: String(10_000 - i),
        })),
      );
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('a label keeps off the lines of the chart where it has space to', () => {
  const dot = { x: 200, y: 200, radius: 4, label: '85' };
  const line = [
    { x: 200, y: 20 },
    { x: 200, y: 352 },
  ];
  const [place] = placeLabels([dot], { fontSize: FONT_SIZE, frame: FRAME, lines: [line] });
  const box = labelBox(place, dot.label, FONT_SIZE);
  assert.ok(box.left > 201 || box.right < 199);
});

test('labels of a column are apart, in order, and not below its end', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 8 }), (heights) => {
      const spread = spreadColumn(heights, { gap: 15, bottom: 300 });
      const byOld = Array.from(heights.keys()).toSorted((a, b) => heights[a] - heights[b]);
      for (const [i, index] of byOld.entries()) {
        assert.ok(spread[index] <= 300);
        if (i > 0) assert.ok(spread[index] - spread[byOld[i - 1]] > 15 - 1e-9);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
  assert.deepEqual(spreadColumn([40, 10, 100], { gap: 15, bottom: 300 }), [40, 10, 100], 'none moves without need');
});
