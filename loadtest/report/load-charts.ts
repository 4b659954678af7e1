/** The pictures of a load run, drawn as SVG text. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Figures, LoadReport } from './load-report.js';

/** Okabe and Ito's colours, which colour-blind readers can distinguish. */
const COLOURS = ['#56788f', '#009E73', '#0072B2', '#D55E00'];
const FAILED = '#D55E00';
const INK = '#1f2933';
const SIZE = { width: 1080, marginLeft: 72, marginRight: 96, marginTop: 16, marginBottom: 42 } as const;
const LATENCY_HEIGHT = 360;
const RATE_HEIGHT = 240;
/** Pixels between two names at the right edge. */
const LINE_HEIGHT = 15;

const { document } = parseHTML('<!doctype html><html><body></body></html>');

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;

interface Point {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

const PERCENTILES = [
  ['p50', ({ p50 }: Figures) => p50],
  ['p90', ({ p90 }: Figures) => p90],
  ['p99', ({ p99 }: Figures) => p99],
  ['p99.9', ({ p999 }: Figures) => p999],
] as const;

/** Percentiles of the latency over time. */
export function drawLatencies({ intervals }: Pick<LoadReport, 'intervals'>): string {
  const points = PERCENTILES.flatMap(([name, of]) => pointsOf(intervals, name, of)).filter(({ y }) => y > 0);
  const heights = points.map(({ y }) => y);
  const domain = decades(Math.min(...heights), Math.max(...heights));
  return draw('Latency percentiles over time', LATENCY_HEIGHT, points, {
    y: { type: 'log', domain, label: 'milliseconds', ...AXIS, ticks: 5, tickFormat: (y: number) => String(y) },
  });
}

/** Requests asked and answered a second, and those that failed, over time. */
export function drawRates({ intervals }: Pick<LoadReport, 'intervals'>): string {
  const points = [
    ...pointsOf(intervals, 'asked', ({ asked, seconds }) => asked / seconds),
    ...pointsOf(intervals, 'answered', ({ answered, seconds }) => answered / seconds),
    ...(intervals.some(({ failed }) => failed > 0)
      ? pointsOf(intervals, 'failed', ({ failed, seconds }) => failed / seconds)
      : []),
  ];
  const most = Math.max(1, ...points.map(({ y }) => y));
  return draw('Requests over time', RATE_HEIGHT, points, {
    y: {
      domain: [0, most * 1.05],
      label: 'requests a second',
      ...AXIS,
      tickFormat: (y: number) => y.toLocaleString('en-US'),
    },
  });
}

const AXIS = { labelAnchor: 'center', labelArrow: 'none', grid: true } as const;

/** A step for each interval: a point at its beginning and one at its end. */
function pointsOf(intervals: readonly Figures[], name: string, of: (figures: Figures) => number): Point[] {
  return intervals.flatMap((interval) => {
    const y = of(interval);
    const { start, seconds } = interval;
    return [
      { name, x: start, y },
      { name, x: start + seconds, y },
    ];
  });
}

/** The next 1, 2 or 5 times a power of ten below and above. */
function decades(least: number, most: number): [number, number] {
  const steps = [1, 2, 5, 10];
  const [low, high] = [10 ** Math.floor(Math.log10(least)), 10 ** Math.floor(Math.log10(most))];
  return [
    low * (steps.findLast((step) => step * low <= least) ?? 1),
    high * (steps.find((step) => step * high >= most) ?? 10),
  ];
}

function draw(label: string, height: number, points: readonly Point[], options: PlotOptions): string {
  const names = [...new Set(points.map(({ name }) => name))];
  const colours = names.map((name, i) => (name === 'failed' ? FAILED : COLOURS[i]));
  const chart = { ...SIZE, height, ...options, x: { label: 'seconds', ...AXIS } };
  const svg = Plot.plot({
    document,
    ariaLabel: label,
    style: { fontSize: '12px', fontFamily: 'inherit', color: INK, overflow: 'visible' },
    ...chart,
    color: { domain: names, range: colours },
    marks: [
      Plot.line(points, { x: 'x', y: 'y', stroke: 'name', strokeWidth: 1.75, strokeLinejoin: 'round' }),
      ...labels(points, chart),
    ],
  });
  return svg.outerHTML;
}

/** Each line's name beside its last point, moved where two names would touch. */
function labels(points: readonly Point[], chart: PlotOptions) {
  const scale = Plot.plot({ document, ...chart, marks: [Plot.line(points, { x: 'x', y: 'y' })] }).scale('y');
  const ends = [...new Map(points.map((point) => [point.name, point])).values()]
    .map((point) => ({ ...point, pixel: Number(scale?.apply(point.y) ?? 0) }))
    .toSorted((a, b) => b.pixel - a.pixel);
  let lowest = Infinity;
  return ends.map((end) => {
    const pixel = Math.min(end.pixel, lowest - LINE_HEIGHT);
    lowest = pixel;
    const name = {
      x: 'x',
      y: 'y',
      text: 'name',
      fill: 'name',
      textAnchor: 'start',
      lineAnchor: 'middle',
      dx: 8,
    } as const;
    return Plot.text([end], { ...name, dy: pixel - end.pixel, fontWeight: 600 });
  });
}
