/** Section `start`: time to readiness, and how loading a model affects the thread that answers. */
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MODEL_FILE } from '../../src/artifact/files.js';
import { readConfig } from '../../src/config/config.js';
import { ModelLoader } from '../../src/loading/loader.js';
import { openLightGBM } from '../../src/native/lightgbm.js';
import { ScoringPool } from '../../src/scoring/pool.js';
import type { CompileTimes } from '../models/compile-once.js';
import { trainedModel } from '../models/trained.js';
import { type Section, median, short } from '../report/section.js';
import { startLightscore } from '../servers/process.js';
import { MODEL_FOLDER, MODEL_VERSION } from '../traffic/demo-model.js';
import type { Effort, Progress } from './run.js';
import { createScoringResources } from '../../src/scoring/kernel.js';

const SIZE = { features: 15, leaves: 31, trees: 1000 } as const;
const GOAL = { readyMs: 500, compileMs: 200, delay: 1.2 } as const;
const STARTS = { full: 10, quick: 3 } as const;
const RESOLUTION_MS = 1;

/** Event-loop delays in milliseconds. */
interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds of each load, and the delays of the event loop with and without them. */
interface Loading {
  readonly loads: readonly number[];
  readonly during: Delays;
  readonly without: Delays;
}

export async function startSection(effort: Effort, progress: Progress): Promise<Section> {
  progress('start: from the start of the process to readiness');
  const ready: number[] = [];
  for (let i = 0; i < STARTS[effort.quick ? 'quick' : 'full']; i++) {
    const server = await startLightscore('pool', { DRAIN_TIMEOUT_MS: '0' });
    ready.push(server.readyMs);
    await server.stop();
  }
  progress(`start: compiling and loading ${SIZE.trees} trees`);
  const { modelText } = trainedModel(await openLightGBM(progress), SIZE, progress);
  const cold: CompileTimes[] = [];
  for (let round = 0; round < effort.rounds; round++) cold.push(await compileOnce(modelText));
  return report(ready, cold, await load(modelText, effort));
}

function report(ready: readonly number[], cold: readonly CompileTimes[], { loads, during, without }: Loading): Section {
  const compile = cold.map((times) => times.parse + times.compile);
  return {
    id: 'start',
    title: 'Start, compilation and loading',
    found:
      `The server is ready ${short(median(ready))} ms after it is started. ${SIZE.trees} trees compile in ` +
      `${short(median(compile))} ms, and while they load, the event loop's 99th percentile is ` +
      `${short(during.p99)} ms, for ${short(without.p99)} ms without.`,
    about:
      'Ready: from spawning the process to its log line that the model is warm (demo model, 300 trees). ' +
      `Compilation: ${SIZE.trees} trees, parsed and compiled into an image by a fresh thread. Loading: everything ` +
      "that the loader's thread does for that model, self-checks included. The event-loop delay of the main thread " +
      'is sampled every millisecond while models are loaded, and for the same time without; it contains the sampling ' +
      'interval.',
    tables: [
      {
        title: 'Milliseconds',
        columns: ['', 'median', 'least', 'most'],
        rows: [
          spread('start to ready', ready),
          spread('parse and compile', compile),
          spread(
            '  of it parsing',
            cold.map(({ parse }) => parse),
          ),
          spread('load with self-check, first', loads.slice(0, 1)),
          spread('load with self-check, later', loads.slice(1)),
        ],
      },
      {
        title: 'Event-loop delay, milliseconds',
        columns: ['', 'p50', 'p99', 'most'],
        rows: [percentiles('while loading', during), percentiles('without', without)],
      },
    ],
    figures: [
      {
        title: 'Start and loading',
        caption: 'Medians.',
        kind: 'bar',
        xLabel: '',
        yLabel: 'milliseconds',
        series: [
          { name: 'start to ready', points: [[0, median(ready)]] },
          { name: 'parse and compile', points: [[0, median(compile)]] },
          { name: 'load, with self-check', points: [[0, median(loads)]] },
        ],
      },
    ],
    targets: [
      { what: 'start to ready, ms', value: median(ready), bound: 'at most', goal: GOAL.readyMs },
      { what: `compiling ${SIZE.trees} trees, ms`, value: median(compile), bound: 'at most', goal: GOAL.compileMs },
      {
        what: 'p99 event-loop delay while loading over without',
        value: during.p99 / without.p99,
        bound: 'at most',
        goal: GOAL.delay,
      },
    ],
  };
}

const spread = (what: string, values: readonly number[]): string[] => [
  what,
  short(median(values)),
  short(Math.min(...values)),
  short(Math.max(...values)),
];
const percentiles = (what: string, { p50, p99, max }: Delays): string[] => [what, short(p50), short(p99), short(max)];

async function compileOnce(modelText: string): Promise<CompileTimes> {
  const thread = new Worker(new URL('../models/compile-once.js', import.meta.url), { workerData: modelText });
  const [times]: CompileTimes[] = await once(thread, 'message');
  return times;
}

async function load(modelText: string, { rounds }: Effort): Promise<Loading> {
  const folder = mkdtempSync(join(tmpdir(), 'lightscore-bench-'));
  cpSync(join(MODEL_FOLDER, MODEL_VERSION), join(folder, MODEL_VERSION), { recursive: true });
  writeFileSync(join(folder, MODEL_VERSION, MODEL_FILE), modelText);
  const pool = new ScoringPool(1, createScoringResources());
  const loader = new ModelLoader(pool, readConfig({ MODEL_DIR: folder }).config.models);
  const loads: number[] = [];
  const loadOnce = async (): Promise<void> => {
    const started = performance.now();
    const { image } = await loader.load(MODEL_VERSION);
    loads.push(performance.now() - started);
    pool.memory.free(image);
  };
  try {
    await loadOnce();
    const started = performance.now();
    const during = await delays(async () => {
      for (let round = 0; round < rounds; round++) await loadOnce();
    });
    const elapsed = performance.now() - started;
    return { loads, during, without: await delays(() => delay(elapsed)) };
  } finally {
    await Promise.all([loader.close(), pool.close()]);
    rmSync(folder, { recursive: true });
  }
}

async function delays(work: () => Promise<unknown>): Promise<Delays> {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  await work();
  monitor.disable();
  return { p50: monitor.percentile(50) / 1e6, p99: monitor.percentile(99) / 1e6, max: monitor.max / 1e6 };
}
