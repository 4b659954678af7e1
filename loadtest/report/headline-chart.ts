/** The chart of the README: one bar for each ratio, with its range over the runs, readable on light and on dark. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type Measurement, medianOf, rangeOf } from './headlines.js';
import { short } from './section.js';

/** The picture follows the reader's scheme; its background is its own, so that it is readable where it cannot. */
const STYLE = `
  :root { --paper: #ffffff; --ink: #1f2933; --bar: #0072b2; --range: #d55e00; --line: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #0d1117; --ink: #e6edf3; --bar: #4c9be8; --range: #f0883e; --line: #30363d; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
`;
const WIDTH = 760;
const BAR_HEIGHT = 34;
const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const MARGIN = { top: 34, right: 150, bottom: 30, left: 240 } as const;

const { document } = parseHTML('<!doctype html><html><body></body></html>');

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly text: string;
}

function barOf(measurement: Measurement): Bar {
  const [least, most] = rangeOf(measurement);
  const value = medianOf(measurement);
  const range = measurement.values.length === 1 ? '' : ` (${short(least)} to ${short(most)})`;
  return { name: measurement.bar ?? '', value, least, most, text: `${short(value)}x${range}` };
}

/** SVG text; the measurements that have a bar. */
export function drawHeadlines(measurements: readonly Measurement[]): string {
  const bars = measurements.filter(({ bar }) => bar !== undefined).map(barOf);
  const height = MARGIN.top + MARGIN.bottom + BAR_HEIGHT * bars.length;
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height,
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    style: { fontSize: '13px', color: 'var(--ink)', background: 'var(--paper)' },
    x: {
      type: 'log',
      domain: [1, Math.max(2, ...bars.map(({ most }) => most))],
      ticks: TICKS,
      tickFormat: (times: number) => `${times}x`,
      label: null,
    },
    y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0, padding: 0.35 },
    marks: [
      Plot.gridX({ ticks: TICKS, stroke: 'var(--line)', strokeOpacity: 1 }),
      Plot.barX(bars, { x1: () => 1, x2: 'value', y: 'name', fill: 'var(--bar)' }),
      Plot.ruleY(bars, { x1: 'least', x2: 'most', y: 'name', stroke: 'var(--range)', strokeWidth: 3 }),
      Plot.text(bars, { x: 'most', y: 'name', text: 'text', textAnchor: 'start', dx: 8, fill: 'var(--ink)' }),
      Plot.ruleX([1], { stroke: 'var(--line)' }),
      Plot.text(['Times as fast (logarithmic scale): median of the runs, and their range'], {
        frameAnchor: 'top-left',
        dy: -24,
        dx: 8 - MARGIN.left,
        fill: 'var(--ink)',
        fontWeight: 'bold',
      }),
    ],
  });
  const [, opening, rest] = /^(<svg[^>]*>)([\s\S]*)$/.exec(svg.outerHTML) ?? [];
  const xmlns = opening.includes('xmlns=') ? '' : ' xmlns="http://www.w3.org/2000/svg"';
  const paper = `<rect width="${WIDTH}" height="${height}" rx="6" fill="var(--paper)"/>`;
  return `${opening.replace('<svg', `<svg${xmlns}`)}<style>${STYLE}</style>${paper}${rest}\n`;
}
