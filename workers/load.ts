/** Entry of the loader's thread, which piscina starts. */
import { loaderThread } from '../src/loading/loader-thread.js';
import type { LoadWorkerData } from '../src/loading/messages.js';
import { piscinaWorkerData } from '../src/scoring/worker-data.js';

export default loaderThread(piscinaWorkerData() as LoadWorkerData);
