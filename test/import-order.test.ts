/** Imports run in one direction: each module takes only from modules below it, in the order that the docs state. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './support/project.js';

/** The row of docs/concepts/architecture.md that states the order, the highest module first. */
const LAYERS = statedOrder();
/** What kernel and host both include. */
const SHARED = 'workers/kernel/layout.ts';

/** What a thread or a process starts with: to start it is not to import it. Imports within `workers` are of these. */
const ENTRY = /^workers\/[\w-]+\.ts$/;

interface Import {
  readonly from: string;
  readonly to: string;
}

function statedOrder(): readonly (readonly string[])[] {
  const text = readFileSync(join(projectRoot, 'docs/concepts/architecture.md'), 'utf8');
  const line = /^\| (cli > .*?) *\|$/m.exec(text)?.[1];
  assert(line !== undefined, 'docs/concepts/architecture.md states the order in one row');
  return line
    .trim()
    .split(' > ')
    .map((layer) => layer.split(', '));
}

/** The module of a file: a folder of src, a file of src, or the workers' entries. */
function moduleOf(file: string): string {
  const [top, second] = file.split('/');
  return top === 'workers' ? 'workers' : second.replace(/\.d\.ts$|\.[tj]s$/, '');
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file).replaceAll(sep, '/'))
    .filter((file) => /\.[tj]s$/.test(file) && !file.startsWith('workers/kernel/'));
}

const files = [...sourceFiles('src'), ...sourceFiles('workers')];

const imports: readonly Import[] = files.flatMap((from) => {
  return modulesNamedIn(readFileSync(join(projectRoot, from), 'utf8'))
    .map((specifier) => resolve(from, specifier))
    .filter((to) => !ENTRY.test(to))
    .map((to) => ({ from, to }));
});

/** Whatever a file names by a relative path, in any quotes and however it loads it: the path of each module. */
function modulesNamedIn(text: string): string[] {
  return [...text.matchAll(/(['"`])(\.\.?\/[^'"`\n]+\.[jt]s)\1/g)].map(([, , specifier]) => specifier);
}

function resolve(from: string, specifier: string): string {
  const path = normalize(join(dirname(from), specifier)).replaceAll(sep, '/');
  return files.includes(path) ? path : path.replace(/\.js$/, '.ts');
}

function rankOf(file: string): number {
  const rank = LAYERS.findIndex((layer) => layer.includes(moduleOf(file)));
  assert(rank >= 0, `${file} belongs to no module of the stated order`);
  return rank;
}

test('every import points down the stated order', () => {
  assert(imports.length > 500, `${imports.length} imports were read`);
  const wrong = imports.filter(({ from, to }) => {
    if (to === SHARED) return false;
    return moduleOf(from) !== moduleOf(to) && rankOf(to) <= rankOf(from);
  });
  assert.deepEqual(wrong, []);
});

test('the kernel takes from its own folder alone', () => {
  const kernel = readdirSync(join(projectRoot, 'workers/kernel')).filter((name) => name.endsWith('.ts'));
  const outside = kernel.flatMap((name) => {
    const text = readFileSync(join(projectRoot, 'workers/kernel', name), 'utf8');
    const paths = [...text.matchAll(/^(?:import|export|\})[^'"`]*\bfrom\s+['"`]([^'"`]+)['"`]/gm)].map(
      ([, path]) => path,
    );
    return paths.filter((path) => !/^\.\/[\w-]+$/.test(path)).map((path) => `${name}: ${path}`);
  });
  assert(kernel.length > 5);
  assert.deepEqual(outside, []);
});

test('a module that is loaded by any means counts as imported', () => {
  const text = [
    "import { a } from './a.js';",
    'import type { b } from "../b.js";',
    'const c = await import(`../c.js`);',
    "createRequire(import.meta.url)('./d.js')",
    "new URL('../e.js', import.meta.url)",
  ].join('\n');
  assert.deepEqual(modulesNamedIn(text), ['./a.js', '../b.js', '../c.js', './d.js', '../e.js']);
  const computed = files.filter((file) => /\bimport\((?!['"`])/.test(readFileSync(join(projectRoot, file), 'utf8')));
  assert.deepEqual(computed, [], 'imports whose path only the running program knows');
});

test('no file imports itself by way of others, not for a type either', () => {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (done.has(file)) return;
    assert(!path.includes(file), `a cycle: ${[...path.slice(path.indexOf(file)), file].join(' > ')}`);
    for (const to of targets.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});
