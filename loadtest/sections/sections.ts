/** The sections of the report, in order. */
import type { Section } from '../report/section.js';
import { batchSection } from './batch.js';
import { cpuSection } from './cpu.js';
import { crossoverSection } from './crossover.js';
import { explainSection } from './explain.js';
import { httpSection } from './http.js';
import { kernelSection } from './kernel.js';
import { latencySection } from './latency.js';
import { pythonSection } from './python.js';
import { scaleSection } from './scale.js';
import { startSection } from './start.js';
import { transportsSection } from './transports.js';
import type { Effort, Progress } from './run.js';

export type Measure = (effort: Effort, progress: Progress) => Promise<Section>;

/** Those that need nothing but this commit; `cost` compares it with another. */
export const SECTIONS: Readonly<Record<string, Measure>> = {
  http: httpSection,
  latency: latencySection,
  cpu: cpuSection,
  batch: batchSection,
  kernel: kernelSection,
  crossover: crossoverSection,
  explain: explainSection,
  scale: scaleSection,
  start: startSection,
  transports: transportsSection,
  python: pythonSection,
};
