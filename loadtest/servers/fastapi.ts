/** Starts the Python service that Lightscore replaces, where a Python with its packages is installed. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { MODEL_FOLDER, MODEL_VERSION } from '../traffic/demo-model.js';
import { ServerProcess } from './process.js';

const PACKAGES = 'fastapi, uvicorn, lightgbm, sklearn, joblib, numpy, pydantic, prometheus_client';
const SCRIPT = join(projectRoot, 'loadtest/servers/fastapi_service.py');

/** LIGHTSCORE_BENCH_PYTHON can name another interpreter, such as a virtual environment's. */
export const PYTHON = process.env['LIGHTSCORE_BENCH_PYTHON'] ?? 'python3';

/** @returns the reason why the Python service cannot run, or undefined */
export function missingPython(): string | undefined {
  const { status, error, stderr } = spawnSync(PYTHON, ['-c', `import ${PACKAGES}`], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split('\n').at(-1) ?? 'it cannot import its packages';
}

export function startFastApi(): Promise<ServerProcess> {
  return ServerProcess.start(
    'fastapi',
    PYTHON,
    [
      '-m',
      'uvicorn',
      'fastapi_service:app',
      '--app-dir',
      dirname(SCRIPT),
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--no-access-log',
    ],
    {
      MODEL_FOLDER: join(MODEL_FOLDER, MODEL_VERSION),
      // LightGBM's own advice for single rows is one thread: more are slower.
      OMP_NUM_THREADS: '1',
    },
  );
}
