/** Draws the figures of the training report. */
import { LightscoreError } from '../errors.js';
import { installCommand } from '../installation.js';
import {
  type CurvePoint,
  MIN_BIN_ROWS,
  type Ranking,
  type ReliabilityBin,
  mergeSmallBins,
  precisionRecallCurve,
  reliability,
  rocCurve,
} from './evaluation.js';
import { percent, whole } from './figures.js';
import { placeLabels } from './label-placement.js';
import { type SplitEvaluation, type TrainingRun, rankedImportance } from './run.js';

/** What draws the figures. */
export const REPORT_PACKAGES = ['@observablehq/plot', 'linkedom'] as const;

/** Okabe and Ito's colours, told apart by colour-blind readers and in grey print. */
export const COLOUR = {
  served: '#0072B2',
  booster: '#E69F00',
  fraud: '#D55E00',
  legitimate: '#56788f',
  guide: '#9aa3ad',
  quiet: '#52606d',
  ink: '#1f2933',
} as const;
const SQUARE = { width: 480, height: 400, marginLeft: 58, marginRight: 22, marginTop: 20, marginBottom: 48 } as const;

const MAX_FEATURES = 20;

/** Radius of a bin's dot with no rows, and with all of them; its area grows with its rows. */
const DOT = { min: 3, max: 9 } as const;
const COUNT_FONT_SIZE = 11;
/** How far a count may reach past the axes, in pixels: less than the ticks' own labels are away. */
const LABEL_OUTSIDE = 4;

/** Where a share from 0 to 1 is in a square chart, in pixels. */
const square = {
  x: (share: number) => SQUARE.marginLeft + share * (SQUARE.width - SQUARE.marginLeft - SQUARE.marginRight),
  y: (share: number) =>
    SQUARE.height - SQUARE.marginBottom - share * (SQUARE.height - SQUARE.marginTop - SQUARE.marginBottom),
} as const;

/** The rankings of the score that is served and of the booster's probability. */
export interface Rankings {
  readonly served: Ranking;
  readonly booster: Ranking;
}

/** An axis from 0% to 100%. */
const shareAxis = (label: string) =>
  ({
    domain: [0, 1],
    label,
    labelAnchor: 'center',
    labelArrow: 'none',
    tickFormat: '.0%',
    grid: true,
  }) as const;

type PlotModule = typeof import('@observablehq/plot');
type SvgDocument = ReturnType<(typeof import('linkedom'))['parseHTML']>['document'];
type PlotOptions = NonNullable<Parameters<PlotModule['plot']>[0]>;

/** Draws each figure as the text of one SVG element. The same run gives the same text. */
export class Charts {
  readonly #plot: PlotModule;
  readonly #document: SvgDocument;

  private constructor(plot: PlotModule, document: SvgDocument) {
    this.#plot = plot;
    this.#document = document;
  }

  /**
   * @throws LightscoreError NATIVE_UNAVAILABLE where the plotting library is not installed, which, like LightGBM
   * itself, only training needs
   */
  static async open(): Promise<Charts> {
    try {
      const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
      return new Charts(plot, parseHTML('<!doctype html><html><body></body></html>').document);
    } catch (cause) {
      throw new LightscoreError(
        'NATIVE_UNAVAILABLE',
        `the training report needs ${REPORT_PACKAGES.join(' and ')}: ${installCommand(REPORT_PACKAGES)}`,
        { cause },
      );
    }
  }

  #draw(label: string, options: PlotOptions): string {
    const svg = this.#plot.plot({
      document: this.#document,
      ariaLabel: label,
      style: { fontSize: '12px', fontFamily: 'inherit', color: COLOUR.ink, overflow: 'visible' },
      ...options,
    });
    return svg.outerHTML;
  }

  /** The diagonal, dashed: chance in a ROC curve, perfect calibration in a reliability diagram. */
  #diagonal() {
    return this.#plot.line(
      [
        [0, 0],
        [1, 1],
      ],
      { stroke: COLOUR.guide, strokeDasharray: '4 4' },
    );
  }

  /** The line of the booster's probability, thin, and the line and area of the served score over it. */
  #curves(points: { readonly [score in keyof Rankings]: readonly CurvePoint[] }, curve: 'linear' | 'step-before') {
    const plot = this.#plot;
    const line = { x: 'x', y: 'y', curve } as const;
    return [
      plot.areaY(points.served, { ...line, fill: COLOUR.served, fillOpacity: 0.08 }),
      plot.line(points.booster, { ...line, stroke: COLOUR.booster, strokeWidth: 1.5 }),
      plot.line(points.served, { ...line, stroke: COLOUR.served, strokeWidth: 2.25 }),
    ];
  }

  roc({ served, booster }: Rankings): string {
    return this.#draw('ROC curve', {
      ...SQUARE,
      x: shareAxis('False-positive rate (legitimate applications flagged)'),
      y: shareAxis('True-positive rate (frauds found)'),
      marks: [this.#diagonal(), this.#curves({ served: rocCurve(served), booster: rocCurve(booster) }, 'linear')],
    });
  }

  precisionRecall({ served, booster }: Rankings): string {
    const plot = this.#plot;
    const fromStart = (ranking: Ranking): CurvePoint[] => {
      const points = precisionRecallCurve(ranking);
      return [{ x: 0, y: points[0].y }, ...points];
    };
    const base = served.positives / (served.positives + served.negatives);
    return this.#draw('Precision-recall curve', {
      ...SQUARE,
      x: shareAxis('Recall (frauds found)'),
      y: shareAxis('Precision (flagged that are fraud)'),
      marks: [
        plot.ruleY([base], { stroke: COLOUR.guide, strokeDasharray: '4 4' }),
        this.#curves({ served: fromStart(served), booster: fromStart(booster) }, 'step-before'),
      ],
    });
  }

  /** The share of frauds in each bin of scores, with 95% intervals; small bins are joined. */
  reliability(label: string, labels: Float64Array, scores: Float64Array): string {
    const plot = this.#plot;
    const points = mergeSmallBins(reliability(labels, scores), MIN_BIN_ROWS).map((bin) => ({ ...bin, ...wilson(bin) }));
    const largest = Math.max(...points.map(({ count }) => count));
    const dots = points.map(({ count, meanScore, positiveRate }) => ({
      x: square.x(meanScore),
      y: square.y(positiveRate),
      radius: DOT.min + (DOT.max - DOT.min) * Math.sqrt(count / largest),
      label: whole(count),
    }));
    const places = placeLabels(dots, {
      fontSize: COUNT_FONT_SIZE,
      frame: {
        left: square.x(0) - LABEL_OUTSIDE,
        right: square.x(1) + LABEL_OUTSIDE,
        top: square.y(1) - LABEL_OUTSIDE,
        bottom: square.y(0) + LABEL_OUTSIDE,
      },
      lines: [
        dots,
        ...points.map(({ low, high }, i) => [low, high].map((share) => ({ x: dots[i].x, y: square.y(share) }))),
      ],
    });
    // Positions in pixels: none of these channels is to be scaled.
    const pixels = <Value>(values: readonly Value[]) => ({ value: values, scale: false as const });
    return this.#draw(label, {
      ...SQUARE,
      x: { ...shareAxis('Mean score of the bin'), ticks: 5 },
      y: shareAxis('Share of frauds in the bin'),
      marks: [
        this.#diagonal(),
        plot.ruleX(points, {
          x: 'meanScore',
          y1: 'low',
          y2: 'high',
          stroke: COLOUR.served,
          strokeOpacity: 0.55,
          strokeWidth: 1.5,
        }),
        plot.line(points, { x: 'meanScore', y: 'positiveRate', stroke: COLOUR.served, strokeOpacity: 0.5 }),
        plot.dot(points, {
          x: 'meanScore',
          y: 'positiveRate',
          r: pixels(dots.map(({ radius }) => radius)),
          fill: COLOUR.served,
          stroke: 'white',
        }),
        plot.text(dots, {
          x: pixels(places.map(({ x }) => x)),
          y: pixels(places.map(({ y }) => y)),
          text: 'label',
          fontSize: COUNT_FONT_SIZE,
          fill: COLOUR.quiet,
          stroke: 'white',
        }),
      ],
    });
  }

  /** A histogram of each class over the log odds of the booster's probability; each class's bars add up to 1. */
  scoreDistribution(split: SplitEvaluation, threshold: number): string {
    const plot = this.#plot;
    const edges = { low: -8, high: 5, width: 0.5 };
    const bars = [0, 1].flatMap((wanted) => {
      const counts = new Float64Array((edges.high - edges.low) / edges.width);
      for (const [row, label] of split.labels.entries()) {
        if (label !== wanted) continue;
        const bin = Math.floor((logOdds(split.uncalibrated[row]) - edges.low) / edges.width);
        counts[Math.max(0, Math.min(counts.length - 1, bin))]++;
      }
      const rows = wanted === 1 ? split.frauds : split.labels.length - split.frauds;
      const from = edges.low;
      return Array.from(counts, (count, bin) => ({
        name: wanted === 1 ? 'fraud' : 'legitimate',
        x1: from + bin * edges.width,
        x2: from + (bin + 1) * edges.width,
        share: count / rows,
      }));
    });
    const filled = bars.filter(({ share }) => share > 0);
    const domain = [Math.min(...filled.map(({ x1 }) => x1)), Math.max(...filled.map(({ x2 }) => x2))];
    const ticks = [0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99].filter(
      (tick) => logOdds(tick) >= domain[0] && logOdds(tick) <= domain[1],
    );
    const labels = new Map(ticks.map((tick) => [logOdds(tick), `${Number((tick * 100).toFixed(1))}%`]));
    const top = Math.max(...filled.map(({ share }) => share)) * 1.12;
    const flagged = split.uncalibrated.filter((_, row) => split.calibrated[row] >= threshold);
    const lowest = flagged.reduce((min, value) => Math.min(min, value), 1);
    const mark = flagged.length > 0 ? [Math.max(domain[0], Math.min(domain[1], logOdds(lowest)))] : [];
    const isOnRight = logOdds(lowest) > (domain[0] + domain[1]) / 2;
    return this.#draw('Distribution of scores by class', {
      ...SQUARE,
      x: {
        domain,
        ticks: [...labels.keys()],
        tickFormat: (value: number) => labels.get(value) ?? '',
        label: "Booster's probability (log-odds scale)",
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: {
        domain: [0, top],
        ticks: 7,
        label: 'Share of the class',
        labelAnchor: 'center',
        labelArrow: 'none',
        tickFormat: '.0%',
        grid: true,
      },
      color: { domain: ['legitimate', 'fraud'], range: [COLOUR.legitimate, COLOUR.fraud] },
      marks: [
        plot.rect(filled, { x1: 'x1', x2: 'x2', y1: 0, y2: 'share', fill: 'name', fillOpacity: 0.55, inset: 0.5 }),
        plot.ruleX(mark, { stroke: COLOUR.ink, strokeDasharray: '3 3' }),
        plot.text(mark, {
          x: (value: number) => value,
          y: top,
          text: () => 'flagged from here',
          textAnchor: isOnRight ? 'end' : 'start',
          dx: isOnRight ? -6 : 6,
          dy: 6,
          stroke: 'white',
          fill: COLOUR.ink,
        }),
        plot.ruleY([0]),
      ],
    });
  }

  importance(run: TrainingRun): string {
    const plot = this.#plot;
    const ranked = rankedImportance(run.importance)
      .slice(0, MAX_FEATURES)
      .map((entry) => ({ ...entry, text: `${percent(entry.share)}  (${whole(entry.splits)})` }));
    const widest = Math.max(...ranked.map(({ share }) => share), 0.01);
    return this.#draw('Feature importance by gain', {
      width: 480,
      height: 30 + 23 * ranked.length,
      marginLeft: 190,
      marginRight: 12,
      marginTop: 4,
      marginBottom: 26,
      x: {
        domain: [0, widest * 1.38],
        ticks: [],
        labelOffset: 20,
        label: 'Share of total gain (number of splits)',
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: { domain: ranked.map(({ feature }) => feature), label: null, tickSize: 0, padding: 0.28 },
      marks: [
        plot.barX(ranked, { x: 'share', y: 'feature', fill: COLOUR.served }),
        plot.text(ranked, { x: 'share', y: 'feature', text: 'text', textAnchor: 'start', dx: 5 }),
      ],
    });
  }
}

/** Wilson's 95% interval for a share. */
function wilson({ count, positiveRate }: ReliabilityBin): { low: number; high: number } {
  const z = 1.96;
  const scale = 1 + (z * z) / count;
  const centre = positiveRate + (z * z) / (2 * count);
  const half = z * Math.sqrt((positiveRate * (1 - positiveRate)) / count + (z * z) / (4 * count * count));
  return { low: Math.max(0, (centre - half) / scale), high: Math.min(1, (centre + half) / scale) };
}

function logOdds(probability: number): number {
  return Math.log(probability / (1 - probability));
}
