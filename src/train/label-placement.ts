/** Places labels in a chart so that they cover neither marks nor each other. Lengths are pixels, y points down. */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Position {
  readonly x: number;
  readonly y: number;
}

/** A dot that gets a label. */
export interface Dot extends Position {
  readonly radius: number;
  readonly label: string;
}

export interface LabelOptions {
  readonly fontSize: number;
  /** Labels stay inside of it if they can. */
  readonly frame: Box;
  /** Lines to keep off, as their points. Segments may be of any length. */
  readonly lines?: readonly (readonly Position[])[];
}

/** Width of a digit over the font size: digits are the widest characters of a count in every common sans-serif font. */
const CHARACTER_WIDTH = 0.64;
const LINE_HEIGHT = 1.2;

/** The eight directions around a dot, the preferred ones first. */
const DIRECTIONS: readonly (readonly [x: number, y: number])[] = [
  [0, -1],
  [0, 1],
  [1, 0],
  [1, -1],
  [1, 1],
  [-1, -1],
  [-1, 1],
  [-1, 0],
];
/** Distances between a dot's edge and its label. */
const GAPS = [4, 12, 22, 34] as const;
/** What counts against a place: each square pixel of the label that covers something, and each pixel of its gap. */
const COST = { mark: 1000, outside: 20, line: 0.5, gap: 6 } as const;
const LINE_SAMPLE = 3;

/** The box of a text of one line around its centre; digits and separators. */
export function labelBox({ x, y }: Position, text: string, fontSize: number): Box {
  const [halfWidth, halfHeight] = [(text.length * fontSize * CHARACTER_WIDTH) / 2, (fontSize * LINE_HEIGHT) / 2];
  return { left: x - halfWidth, right: x + halfWidth, top: y - halfHeight, bottom: y + halfHeight };
}

/** The area that two boxes share. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/**
 * Chooses each label's centre among places around its dot: the one that covers the least of dots, labels already placed
 * and lines (a line may pass under a label, if need be), and of equals the nearest.
 *
 * @returns the centres, in the order of `dots`
 */
export function placeLabels(dots: readonly Dot[], { fontSize, frame, lines = [] }: LabelOptions): Position[] {
  const marks = dots.map(({ x, y, radius }): Box => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  const underlay = lines.flatMap(boxesAlong);
  return dots.map((dot) => {
    const places = placesAround(dot, fontSize).map(({ centre, gap }) => {
      const box = labelBox(centre, dot.label, fontSize);
      const outside = overlap(box, box) - overlap(box, frame);
      const cost =
        COST.mark * covered(box, marks) + COST.line * covered(box, underlay) + COST.outside * outside + COST.gap * gap;
      return { centre, box, cost };
    });
    const best = places.reduce((least, each) => (each.cost < least.cost ? each : least));
    marks.push(best.box);
    return best.centre;
  });
}

function covered(box: Box, others: readonly Box[]): number {
  return others.reduce((sum, other) => sum + overlap(box, other), 0);
}

/** Near places first. */
function placesAround({ x, y, radius, label }: Dot, fontSize: number): { centre: Position; gap: number }[] {
  const { right, bottom } = labelBox({ x: 0, y: 0 }, label, fontSize);
  return GAPS.flatMap((gap) =>
    DIRECTIONS.map(([toX, toY]) => ({
      centre: { x: x + toX * (radius + gap + right), y: y + toY * (radius + gap + bottom) },
      gap,
    })),
  );
}

function boxesAlong(line: readonly Position[]): Box[] {
  return line.slice(1).flatMap((to, i) => {
    const from = line[i];
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / LINE_SAMPLE));
    return Array.from({ length: steps + 1 }, (_, step) => {
      const [x, y] = [from.x + ((to.x - from.x) * step) / steps, from.y + ((to.y - from.y) * step) / steps];
      return { left: x - 1, right: x + 1, top: y - 1, bottom: y + 1 };
    });
  });
}

/**
 * Moves the heights of labels in one column apart: each at its own height, or lower by as much as it takes to stay
 * `gap` from the one above it; the column as a whole then moves up if it would leave `bottom`.
 *
 * @param heights y of each label's centre, in any order
 * @returns the new heights, in the same order
 */
export function spreadColumn(heights: readonly number[], { gap, bottom }: { gap: number; bottom: number }): number[] {
  const order = Array.from(heights.keys()).toSorted((a, b) => heights[a] - heights[b]);
  const spread = [...heights];
  for (const [i, index] of order.entries())
    if (i > 0) spread[index] = Math.max(spread[index], spread[order[i - 1]] + gap);
  let limit = bottom;
  for (const index of order.toReversed()) {
    spread[index] = Math.min(spread[index], limit);
    limit = spread[index] - gap;
  }
  return spread;
}
