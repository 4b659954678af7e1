import { readFileSync } from 'node:fs';

/** Lightscore's own version. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
