/** Native LightGBM on one model, in a process of its own. */
import { runScoreProcess } from '../src/native/score-process.js';

runScoreProcess();
