/** Drawing of figures as SVG text. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Figure, Series } from './section.js';

/** Okabe and Ito's colours, which colour-blind readers can distinguish; the baseline is grey. */
const COLOURS = ['#56788f', '#0072B2', '#D55E00', '#009E73', '#CC79A7'];
const INK = '#1f2933';
const SIZE = { width: 520, height: 340, marginLeft: 84, marginRight: 92, marginTop: 18, marginBottom: 46 } as const;
const SHARES = [0.5, 0.9, 0.99, 0.999, 0.9999];

const { document } = parseHTML('<!doctype html><html><body></body></html>');

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;

export function drawFigure(figure: Figure): string {
  const colour = { domain: figure.series.map(({ name }) => name), range: COLOURS };
  const options: PlotOptions = { ...SIZE, ...(figure.kind === 'bar' ? bars(figure) : lines(figure)), color: colour };
  const svg = Plot.plot({
    document,
    ariaLabel: figure.title,
    style: { fontSize: '12px', fontFamily: 'inherit', color: INK, overflow: 'visible' },
    ...options,
  });
  return svg.outerHTML;
}

/** Maps a share of the requests to the x axis: if one request in n lies beyond it, to the logarithm of n. */
const rarity = (share: number): number => Math.log10(1 / (1 - share));

function lines({ kind, series, xLabel, yLabel }: Figure): PlotOptions {
  const place = kind === 'percentiles' ? rarity : Number;
  const points = series.flatMap(({ name, points: all }) => all.map(([x, y]) => ({ name, x: place(x), y })));
  const axis = { labelAnchor: 'center', labelArrow: 'none', grid: true } as const;
  const numbers = [...new Set(points.map(({ x }) => x))];
  return {
    x: {
      ...axis,
      label: xLabel,
      ...(kind === 'percentiles'
        ? { ticks: SHARES.map(rarity), tickFormat: (x: number) => `${Number((100 * (1 - 10 ** -x)).toFixed(2))}%` }
        : { type: 'log' as const, ticks: numbers, tickFormat: (x: number) => String(x) }),
    },
    y: { ...axis, label: yLabel, ...scaleOf(series) },
    marks: [
      Plot.line(points, { x: 'x', y: 'y', stroke: 'name', strokeWidth: 2.25 }),
      ...(kind === 'line' ? [Plot.dot(points, { x: 'x', y: 'y', fill: 'name', r: 3 })] : []),
      Plot.text(endsOf(points, scaleOf(series).type === 'log'), {
        x: 'x',
        y: 'y',
        text: 'name',
        fill: 'name',
        textAnchor: 'start',
        dx: 6,
        stroke: 'white',
        lineAnchor: 'middle',
      }),
    ],
  };
}

/** Chooses a logarithmic scale if values span more than a decade, else a linear one from zero. */
function scaleOf(
  series: readonly Series[],
):
  | { readonly type: 'log'; readonly ticks: number; readonly tickFormat: (y: number) => string }
  | { readonly type: 'linear'; readonly zero: true } {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  return Math.max(...values) > 10 * Math.min(...values)
    ? { type: 'log', ticks: 4, tickFormat: (y) => y.toLocaleString('en-US') }
    : { type: 'linear', zero: true };
}

interface Point {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** Places each line's name at its last point, or higher if another name would cover it. */
function endsOf(points: readonly Point[], logarithmic: boolean): Point[] {
  const scale = logarithmic ? Math.log : Number;
  const unscale = logarithmic ? Math.exp : Number;
  const heights = points.map(({ y }) => scale(y));
  const gap = (Math.max(...heights) - (logarithmic ? Math.min(...heights) : 0)) * 0.055;
  const ends = [...new Map(points.map((point) => [point.name, point])).values()].toSorted((a, b) => a.y - b.y);
  let min = -Infinity;
  return ends.map((end) => {
    const height = Math.max(scale(end.y), min);
    min = height + gap;
    return { ...end, y: unscale(height) };
  });
}

function bars({ series, yLabel }: Figure): PlotOptions {
  const values = series.map(({ name, points }) => ({
    name,
    value: points[0][1],
    text: Math.round(points[0][1]).toLocaleString('en-US'),
  }));
  return {
    height: 70 + 36 * values.length,
    marginRight: 70,
    x: { label: yLabel, labelAnchor: 'center', labelArrow: 'none', grid: true, ticks: 5 },
    y: { domain: values.map(({ name }) => name), label: null, tickSize: 0, padding: 0.25 },
    marks: [
      Plot.barX(values, { x: 'value', y: 'name', fill: 'name' }),
      Plot.text(values, { x: 'value', y: 'name', text: 'text', textAnchor: 'start', dx: 5 }),
      Plot.ruleX([0]),
    ],
  };
}
