/** Entry of a scoring worker's thread, which piscina starts. */
import { type ScoreWorkerData, scoreThread } from '../src/scoring/score-thread.js';
import { piscinaWorkerData } from '../src/scoring/worker-data.js';

export default scoreThread(piscinaWorkerData() as ScoreWorkerData);
