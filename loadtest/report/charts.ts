/** Drawing of figures as SVG text. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { spreadColumn } from '../../src/train/label-placement.js';
import { type Figure, type Series, short } from './section.js';

/** Okabe and Ito's colours, which colour-blind readers can distinguish; the baseline is grey. */
const COLOURS = ['#56788f', '#0072B2', '#D55E00', '#009E73', '#CC79A7'];
const INK = '#1f2933';
const SIZE = { width: 520, height: 340, marginLeft: 74, marginTop: 18, marginBottom: 46 } as const;
const FONT_SIZE = 12;
/** Upper bound of the mean width of a character, in pixels. */
const CHARACTER = 7;
const LABEL_GAP = 6;
const SHARES = [0.5, 0.9, 0.99, 0.999, 0.9999];

const { document } = parseHTML('<!doctype html><html><body></body></html>');

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;

export function drawFigure(figure: Figure): string {
  const names = figure.series.map(({ name }) => name);
  // More series than colours, as bars: their names tell them apart.
  const range = names.length <= COLOURS.length ? COLOURS : [COLOURS[1]];
  const colour = { domain: names, range };
  const options: PlotOptions = { ...SIZE, ...(figure.kind === 'bar' ? bars(figure) : lines(figure)), color: colour };
  const svg = Plot.plot({
    document,
    ariaLabel: figure.title,
    style: { fontSize: `${FONT_SIZE}px`, fontFamily: 'inherit', color: INK, overflow: 'visible' },
    ...options,
  });
  return svg.outerHTML;
}

/** The space that the longest of these texts takes. */
const widest = (texts: readonly string[]): number =>
  LABEL_GAP + CHARACTER * Math.max(...texts.map(({ length }) => length));

/** Maps a share of the requests to the x axis: if one request in n lies beyond it, to the logarithm of n. */
const rarity = (share: number): number => Math.log10(1 / (1 - share));

function lines({ kind, series, xLabel, yLabel }: Figure): PlotOptions {
  const place = kind === 'percentiles' ? rarity : Number;
  const points = series.flatMap(({ name, points: all }) => all.map(([x, y]) => ({ name, x: place(x), y })));
  const axis = { labelAnchor: 'center', labelArrow: 'none', grid: true } as const;
  const numbers = [...new Set(points.map(({ x }) => x))];
  const scale = scaleOf(series);
  const ends = [...new Map(points.map((point) => [point.name, point])).values()];
  return {
    marginRight: widest(series.map(({ name }) => name)),
    x: {
      ...axis,
      label: xLabel,
      ...(kind === 'percentiles'
        ? { ticks: SHARES.map(rarity), tickFormat: (x: number) => `${Number((100 * (1 - 10 ** -x)).toFixed(2))}%` }
        : { type: 'log' as const, ticks: numbers, tickFormat: (x: number) => String(x) }),
    },
    y: { ...axis, label: yLabel, ...scale.axis },
    marks: [
      Plot.line(points, { x: 'x', y: 'y', stroke: 'name', strokeWidth: 2.25 }),
      ...(kind === 'line' ? [Plot.dot(points, { x: 'x', y: 'y', fill: 'name', r: 3 })] : []),
      Plot.text(ends, {
        x: 'x',
        // In pixels.
        y: { value: endHeights(ends, scale), scale: false },
        text: 'name',
        fill: 'name',
        textAnchor: 'start',
        dx: LABEL_GAP,
        stroke: 'white',
        lineAnchor: 'middle',
      }),
    ],
  };
}

interface VerticalScale {
  readonly axis: PlotOptions['y'];
  /** The height of a value in pixels, from the top. */
  readonly height: (value: number) => number;
}

/** Chooses a logarithmic scale if values span more than a decade, else a linear one from zero. */
function scaleOf(series: readonly Series[]): VerticalScale {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const bottom = SIZE.height - SIZE.marginBottom;
  const logarithmic = max > 10 * min;
  const domain = [logarithmic ? min : 0, max];
  const place = logarithmic ? Math.log : Number;
  const share = (value: number): number => (place(value) - place(domain[0])) / (place(max) - place(domain[0]));
  const tickFormat = (y: number): string => y.toLocaleString('en-US');
  return {
    axis: { domain, tickFormat, ...(logarithmic ? { type: 'log', ticks: 4 } : { type: 'linear' }) },
    height: (value) => bottom - share(value) * (bottom - SIZE.marginTop),
  };
}

/** Places each line's name at its last point, or lower if another name would cover it. */
function endHeights(ends: readonly { readonly y: number }[], { height }: VerticalScale): number[] {
  return spreadColumn(
    ends.map(({ y }) => height(y)),
    { gap: FONT_SIZE + 3, bottom: SIZE.height - SIZE.marginBottom },
  );
}

function bars({ series, yLabel }: Figure): PlotOptions {
  const values = series.map(({ name, points }) => ({ name, value: points[0][1], text: short(points[0][1]) }));
  return {
    height: 70 + 30 * values.length,
    marginLeft: widest(values.map(({ name }) => name)),
    marginRight: widest(values.map(({ text }) => text)),
    x: { label: yLabel, labelAnchor: 'center', labelArrow: 'none', grid: true, ticks: 5, zero: true },
    y: { domain: values.map(({ name }) => name), label: null, tickSize: 0, padding: 0.25 },
    marks: [
      Plot.barX(values, { x: 'value', y: 'name', fill: 'name' }),
      Plot.text(values, { x: 'value', y: 'name', text: 'text', textAnchor: 'start', dx: LABEL_GAP }),
      Plot.ruleX([0]),
    ],
  };
}
