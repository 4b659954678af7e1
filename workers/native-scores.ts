/** Entry of the child process that scores rows with native LightGBM. */
import { runScoreProcess } from '../src/native/score-process.js';

runScoreProcess();
