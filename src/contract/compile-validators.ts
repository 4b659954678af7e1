/**
 * Compiles the request schemas to plain JavaScript, `validators.generated.js`, so that the server neither loads ajv nor
 * compiles schemas when it starts. After a change of `schemas.ts`, run:
 *
 *     npm run build && node dist/src/contract/compile-validators.js
 *
 * A test compares the committed file with the output of this script.
 */
import { realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { REQUEST_SCHEMAS } from './schemas.js';

/** Returns the text of `validators.generated.js`. */
export function compileValidators(): string {
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    // Validation stops at the first error, so a body with a million errors costs no more than a body with one.
    allErrors: false,
    // Lengths count UTF-16 code units: counting code points walks the string and needs a CommonJS import in the output.
    // ajv has deprecated the option and warns about it through its logger, which is therefore off.
    unicode: false,
    logger: false,
    schemas: Object.entries(REQUEST_SCHEMAS).map(([name, schema]) => ({ $id: name, ...schema })),
    code: { source: true, esm: true, lines: true, optimize: 2 },
  });
  const names = Object.keys(REQUEST_SCHEMAS);
  const code = standalone.default(ajv, Object.fromEntries(names.map((name) => [name, name])));
  const header =
    '/** Validators of request bodies, generated from schemas.ts by compile-validators.ts. Do not edit. */';
  return `${header}\n${code.trimEnd()}\n`;
}

const thisFile = fileURLToPath(import.meta.url);
if (argv[1] !== undefined && realpathSync(argv[1]) === thisFile) {
  const projectRoot = join(dirname(thisFile), '../../..');
  writeFileSync(join(projectRoot, 'src/contract/validators.generated.js'), compileValidators());
}
