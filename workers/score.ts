/** A scoring worker, as piscina starts it. */
import { type ScoreWorkerData, scoreThread } from '../src/scoring/score-thread.js';
import { piscinaWorkerData } from '../src/scoring/worker-data.js';

export default scoreThread(piscinaWorkerData() as ScoreWorkerData);
