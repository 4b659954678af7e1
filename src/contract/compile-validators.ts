/**
 * Compiles the request schemas to the plain JavaScript of `validators.generated.js`, so that the server neither loads
 * ajv nor compiles a schema at start. After a change of `schemas.ts`:
 *
 *     npm run build && node dist/src/contract/compile-validators.js
 *
 * A test compares the committed file with what this would write.
 */
import { realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { REQUEST_SCHEMAS } from './schemas.js';

/** The whole text of `validators.generated.js`. */
export function compileValidators(): string {
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    // The first mistake ends the check: a body of a million mistakes costs no more than one of one.
    allErrors: false,
    // Lengths in UTF-16 code units: counting code points walks the string, and needs a CommonJS import in the output.
    // ajv marks the option as deprecated and says so through its logger.
    unicode: false,
    logger: false,
    schemas: Object.entries(REQUEST_SCHEMAS).map(([name, schema]) => ({ $id: name, ...schema })),
    code: { source: true, esm: true, lines: true, optimize: 2 },
  });
  const names = Object.keys(REQUEST_SCHEMAS);
  const code = standalone.default(ajv, Object.fromEntries(names.map((name) => [name, name])));
  return `// Made by compile-validators.ts from schemas.ts: do not edit.\n${code.trimEnd()}\n`;
}

const thisFile = fileURLToPath(import.meta.url);
if (argv[1] !== undefined && realpathSync(argv[1]) === thisFile) {
  const projectRoot = join(dirname(thisFile), '../../..');
  writeFileSync(join(projectRoot, 'src/contract/validators.generated.js'), compileValidators());
}
