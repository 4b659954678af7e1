/** Draws the figures of the training report. */
import { LightscoreError } from '../errors.js';
import { installCommand } from '../installation.js';
import { type Ranking, type ReliabilityBin, precisionRecallCurve, reliability, rocCurve } from './evaluation.js';
import { percent, whole } from './figures.js';
import { type SplitEvaluation, type TrainingRun, rankedImportance } from './run.js';

/** What draws the figures. */
export const REPORT_PACKAGES = ['@observablehq/plot', 'linkedom'] as const;

/** Okabe and Ito's colours, told apart by colour-blind readers and in grey print. */
const COLOUR = {
  model: '#0072B2',
  fraud: '#D55E00',
  legitimate: '#56788f',
  guide: '#9aa3ad',
  quiet: '#52606d',
  ink: '#1f2933',
} as const;
const SQUARE = { width: 480, height: 400, marginLeft: 58, marginRight: 22, marginTop: 20, marginBottom: 48 } as const;

const MAX_FEATURES = 20;

/** A bin's count is printed below its interval where the interval starts at this share or above, else above it. */
const MIN_LABEL_BELOW = 0.06;

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

  roc(ranking: Ranking): string {
    const plot = this.#plot;
    return this.#draw('ROC curve', {
      ...SQUARE,
      x: shareAxis('False-positive rate (legitimate applications flagged)'),
      y: shareAxis('True-positive rate (frauds found)'),
      marks: [
        this.#diagonal(),
        plot.text([[0.7, 0.66]], { text: ['chance'], fill: COLOUR.quiet, stroke: 'white', rotate: -39 }),
        plot.areaY(rocCurve(ranking), { x: 'x', y: 'y', fill: COLOUR.model, fillOpacity: 0.08 }),
        plot.line(rocCurve(ranking), { x: 'x', y: 'y', stroke: COLOUR.model, strokeWidth: 2.25 }),
      ],
    });
  }

  precisionRecall(ranking: Ranking): string {
    const plot = this.#plot;
    const points = precisionRecallCurve(ranking);
    const curve = [{ x: 0, y: points[0].y }, ...points];
    const base = ranking.positives / (ranking.positives + ranking.negatives);
    return this.#draw('Precision-recall curve', {
      ...SQUARE,
      x: shareAxis('Recall (frauds found)'),
      y: shareAxis('Precision (flagged that are fraud)'),
      marks: [
        plot.ruleY([base], { stroke: COLOUR.guide, strokeDasharray: '4 4' }),
        plot.areaY(curve, { x: 'x', y: 'y', fill: COLOUR.model, fillOpacity: 0.08, curve: 'step-before' }),
        plot.line(curve, { x: 'x', y: 'y', stroke: COLOUR.model, strokeWidth: 2.25, curve: 'step-before' }),
        plot.text([[0, base]], {
          text: [`fraud rate ${percent(base)}`],
          fill: COLOUR.quiet,
          textAnchor: 'start',
          dy: -8,
          dx: 6,
        }),
      ],
    });
  }

  /** The share of frauds in each bin of scores, before and after calibration, with 95% intervals. */
  reliability(split: SplitEvaluation): string {
    const plot = this.#plot;
    const panels = [
      ['Before calibration', split.uncalibrated],
      ['After calibration', split.calibrated],
    ] as const;
    const points = panels.flatMap(([panel, scores]) =>
      reliability(split.labels, scores)
        .filter(({ count }) => count > 0)
        .map((bin) => ({ panel, ...bin, ...wilson(bin), rows: whole(bin.count) })),
    );
    const largest = Math.max(...points.map(({ count }) => count));
    const count = { fontSize: 10, fill: COLOUR.quiet, stroke: 'white' };
    return this.#draw('Reliability diagram before and after calibration', {
      width: 980,
      height: 430,
      marginLeft: 58,
      marginRight: 22,
      marginTop: 34,
      marginBottom: 48,
      fx: { domain: panels.map(([panel]) => panel), label: null, padding: 0.11 },
      x: { ...shareAxis('Mean score of the bin'), ticks: 5 },
      y: shareAxis('Share of frauds in the bin'),
      r: { domain: [0, largest], range: [2.5, 13] },
      marks: [
        this.#diagonal(),
        plot.ruleX(points, {
          fx: 'panel',
          x: 'meanScore',
          y1: 'low',
          y2: 'high',
          stroke: COLOUR.model,
          strokeOpacity: 0.55,
          strokeWidth: 1.5,
        }),
        plot.line(points, { fx: 'panel', x: 'meanScore', y: 'positiveRate', stroke: COLOUR.model, strokeOpacity: 0.5 }),
        plot.dot(points, {
          fx: 'panel',
          x: 'meanScore',
          y: 'positiveRate',
          r: 'count',
          fill: COLOUR.model,
          stroke: 'white',
        }),
        plot.text(
          points.filter(({ low }) => low >= MIN_LABEL_BELOW),
          { fx: 'panel', x: 'meanScore', y: 'low', text: 'rows', dy: 10, ...count },
        ),
        plot.text(
          points.filter(({ low }) => low < MIN_LABEL_BELOW),
          { fx: 'panel', x: 'meanScore', y: 'high', text: 'rows', dy: -15, ...count },
        ),
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
          textAnchor: 'start',
          dx: 6,
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
      height: 46 + 23 * ranked.length,
      marginLeft: 190,
      marginRight: 12,
      marginTop: 4,
      marginBottom: 42,
      x: {
        domain: [0, widest * 1.38],
        ticks: [],
        label: 'Share of total gain (number of splits)',
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: { domain: ranked.map(({ feature }) => feature), label: null, tickSize: 0, padding: 0.28 },
      marks: [
        plot.barX(ranked, { x: 'share', y: 'feature', fill: COLOUR.model }),
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
