/** The Python that has generators of clients, their libraries and Schemathesis. */
import { existsSync } from 'node:fs';
import type { Need } from './needs.js';

/** Empty where the variable is not set. */
export const generatorsPython = process.env['LIGHTSCORE_GENERATORS_PYTHON'] ?? '';

export const GENERATORS: Need = () =>
  existsSync(generatorsPython)
    ? undefined
    : 'LIGHTSCORE_GENERATORS_PYTHON is no Python with test/real/generated/requirements.txt';
