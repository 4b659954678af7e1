/**
 * A worker thread that parses and compiles one model text once, with cold code as the loader's thread does, and sends
 * the times.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { compileImage } from '../../src/model/image.js';
import { parseBooster } from '../../src/model/parse.js';

/** Times in milliseconds. */
export interface CompileTimes {
  readonly parse: number;
  readonly compile: number;
}

const modelText: string = workerData;
const started = performance.now();
const booster = parseBooster(modelText, 'model');
const parsed = performance.now();
compileImage(booster);
const times: CompileTimes = { parse: parsed - started, compile: performance.now() - parsed };
parentPort?.postMessage(times, []);
