/** Starts the Python service that Lightscore replaces, if a Python with its packages is installed. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { MODEL_FOLDER, MODEL_VERSION } from '../traffic/demo-model.js';
import { ServerProcess } from './process.js';

const PACKAGES = 'fastapi, uvicorn, lightgbm, sklearn, joblib, numpy, pydantic, prometheus_client';
const SCRIPT = join(projectRoot, 'loadtest/servers/fastapi_service.py');

/** The interpreter; LIGHTSCORE_BENCH_PYTHON names another one, such as a virtual environment's. */
export const PYTHON = process.env['LIGHTSCORE_BENCH_PYTHON'] ?? 'python3';

/** @returns what is missing to run the Python service, or undefined */
export function missingPython(): string | undefined {
  const { status, error, stderr } = spawnSync(PYTHON, ['-c', `import ${PACKAGES}`], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split('\n').at(-1) ?? 'it cannot import its packages';
}

/** @param modelFolder one version's */
export function startFastApi(modelFolder = join(MODEL_FOLDER, MODEL_VERSION)): Promise<ServerProcess> {
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
      MODEL_FOLDER: modelFolder,
      // One thread, as LightGBM advises for single rows: more threads make it slower.
      OMP_NUM_THREADS: '1',
    },
  );
}
