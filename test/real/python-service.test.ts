/** The Python service itself, held to the answers that test/data/python-service-bodies.json records of it. */
import { MODELS } from '../support/server.js';
import { missingPython, startFastApi } from '../../loadtest/servers/fastapi.js';
import { testWith } from '../support/needs.js';
import { holdAnswer, readRecordedBodies } from '../support/python-service-bodies.js';
import { join } from 'node:path';

/** What LIGHTSCORE_BENCH_PYTHON, or python3, lacks. */
const PYTHON = (): string | undefined => {
  const missing = missingPython();
  return missing === undefined ? undefined : `the packages of the Python service: ${missing}`;
};

testWith([PYTHON], 'the Python service answers every body as it is recorded', async (t) => {
  const service = await startFastApi(join(MODELS, 'v1.0.0'));
  t.after(() => service.stop());
  for (const body of readRecordedBodies())
    await t.test(`${body.path}: ${body.name}`, () => holdAnswer(service.origin, body, body.python));
});
