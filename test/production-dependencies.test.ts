/** A production installation has what server, command line and workers load, and no more. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { projectRoot } from './support/project.js';

const compiled = fileURLToPath(new URL('..', import.meta.url));
const {
  dependencies,
  devDependencies,
}: Record<'dependencies' | 'devDependencies', Record<string, string>> = JSON.parse(
  readFileSync(join(projectRoot, 'package.json'), 'utf8'),
);

/** Run by hand in a checkout; nothing the server or the CLI starts with imports it. */
const BUILD_TIME = ['src/contract/compile-validators.js'];

/** Packages that a compiled file loads as soon as it is loaded itself: those of `import()` are left out. */
function staticPackages(source: string): string[] {
  const specifiers = [
    ...source.matchAll(/^\s*(?:import|export)\s(?:[^'"();]*?\sfrom\s*)?['"]([^'"]+)['"]/gm),
    ...source.matchAll(/\brequire\(['"]([^'"]+)['"]\)/g),
  ].map((match) => match[1]);
  return specifiers
    .filter(
      (specifier) =>
        !specifier.startsWith('.') && !specifier.startsWith('node:') && !builtinModules.includes(specifier),
    )
    .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
}

function compiledFiles(folder: string): string[] {
  return readdirSync(join(compiled, folder), { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith('.js') && !BUILD_TIME.includes(file));
}

test('a production installation has every package that server, command line and workers load', () => {
  const missing = [...compiledFiles('src'), ...compiledFiles('workers')].flatMap((file) =>
    staticPackages(readFileSync(join(compiled, file), 'utf8'))
      .filter((name) => dependencies[name] === undefined)
      .map(
        (name) => `${file} imports ${name}${devDependencies[name] === undefined ? '' : ', a development dependency'}`,
      ),
  );
  assert.deepEqual(missing, []);
});

test('every production dependency is used', () => {
  const used = new Set(
    [...compiledFiles('src'), ...compiledFiles('workers')].flatMap((file) =>
      [...readFileSync(join(compiled, file), 'utf8').matchAll(/['"]((?:@[\w.-]+\/)?[\w.-]+)(?:\/[^'"]*)?['"]/g)].map(
        (match) => match[1],
      ),
    ),
  );
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !used.has(name)),
    [],
  );
});
