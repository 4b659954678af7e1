/** The package: what its tarball holds, and that it works. Without a network: test/real installs it by npm. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { before, describe, test } from 'node:test';
import { buildLightGBM, findLightGBMSource } from '../src/native/build.js';
import { needsNative } from './support/native.js';
import { InstalledPackage, installOffline, pack, packableTree, run, temporaryFolder } from './support/package.js';
import { PACKAGE_SUITE } from './support/package-suite.js';
import { projectRoot } from './support/project.js';

const MODEL = join(projectRoot, 'test/data/models/v1.0.0');

let tree: string;
let installed: InstalledPackage;
let files: readonly { readonly path: string; readonly mode: number }[];
before(async () => {
  tree = packableTree({ built: true });
  const folder = temporaryFolder('tarball');
  const packed = await pack(tree, folder);
  ({ files } = packed);
  installed = await installOffline(join(folder, packed.filename));
});

/** The compiled files that serving, scoring and the library take, whether they are packed or not. */
function compiledFiles(): string[] {
  const sources = ['src', 'workers'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  return sources
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.startsWith('workers/kernel/'))
    .filter((file) => file !== 'src/contract/compile-validators.ts')
    .map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
}

/** Compiled files that a list of packed ones lacks. */
function lacking(packed: readonly { readonly path: string }[]): string[] {
  const paths = new Set(packed.map(({ path }) => path));
  const needed = [...compiledFiles(), 'dist/workers/kernel.wasm', 'dist/package.json', 'dist/src/index.d.ts'];
  return needed.filter((file) => !paths.has(file));
}

test('the tarball holds every compiled file, and the command may be executed', () => {
  assert.deepEqual(lacking(files), []);
  const command = files.find(({ path }) => path === 'dist/src/cli.js');
  assert.equal((command?.mode ?? 0) & 0o111, 0o111);
});

test('a tarball of a tree that was not built is found out', async () => {
  const unbuilt = await pack(packableTree({ built: false }));
  assert.deepEqual(
    unbuilt.files.map(({ path }) => path).filter((path) => path.startsWith('dist/')),
    [],
  );
  assert(lacking(unbuilt.files).includes('dist/src/cli.js'));
});

test('the tarball holds nothing that serving, scoring and the types of the library do not take', () => {
  const known = new Set([
    ...compiledFiles(),
    'dist/package.json',
    'dist/src/contract/validators.generated.js',
    'dist/workers/kernel.wasm',
    'dist/workers/kernel/layout.js',
    ...['index', 'errors', 'library/load-model', 'library/model'].map((name) => `dist/src/${name}.d.ts`),
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ]);
  assert.deepEqual(
    files.map(({ path }) => path).filter((path) => !known.has(path)),
    [],
  );
});

test('whatever a packed file imports by its path is packed', () => {
  const packed = new Set(files.map(({ path }) => path));
  const missing = [...packed]
    .filter((file) => /\.(?:js|d\.ts)$/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(tree, file), 'utf8').matchAll(/(?:\bfrom |\bimport ?\(|new URL\()'(\.[^']+)'/g)]
        .map(([, path]) => normalize(join(dirname(file), path)))
        .map((path) => (file.endsWith('.d.ts') ? path.replace(/\.js$/, '.d.ts') : path))
        .filter((path) => !packed.has(path) && !['dist', '.'].includes(path.replace(/\/$/, '')))
        .map((path) => `${file}: ${path}`),
    );
  assert.deepEqual(missing, []);
});

describe('installed without a network', () => {
  for (const [name, check] of Object.entries(PACKAGE_SUITE)) test(name, () => check(installed));

  test('verify and train say in one line what they need and how to get it', async () => {
    const { devDependencies: versions }: { readonly devDependencies: Readonly<Record<string, string>> } = JSON.parse(
      readFileSync(join(projectRoot, 'package.json'), 'utf8'),
    );
    for (const [args, names] of [
      [
        ['verify', MODEL],
        ['lightgbm', 'koffi'],
      ],
      [
        ['train', '--data', '.', '--version', 'v1.0.0'],
        ['lightgbm', 'koffi', '@observablehq/plot', 'linkedom'],
      ],
    ] as const) {
      const { code, stdout, stderr } = await installed.command(args);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      const packages = names.map((name) => `${name}@${versions[name]}`).join(' ');
      const command = `npm install --global --prefix ${installed.prefix} --ignore-scripts ${packages}`;
      const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
      assert(stderr.startsWith(`lightscore: ${args[0]} needs ${list}, not installed here (${command}); `), stderr);
      assert.match(stderr, /; the first run builds LightGBM in two minutes, with cmake and a C\+\+ compiler.*\n$/);
      assert.equal(stderr.split('\n').length, 2);
    }
  });

  test('a copy in a project says how the project gets them', async () => {
    const project = temporaryFolder('project');
    writeFileSync(join(project, 'package.json'), '{}');
    const copy = join(project, 'node_modules/lightscore');
    cpSync(installed.folder, copy, { recursive: true });
    const { stderr } = await run(process.execPath, [join(copy, 'dist/src/cli.js'), 'verify', MODEL], { cwd: project });
    assert.match(stderr, /\(npm install --ignore-scripts lightgbm@[\d.]+ koffi@[\d.]+\)/);
  });

  test('native LightGBM is kept in the cache of the user', needsNative(), async () => {
    const copy = new InstalledPackage(temporaryFolder('prefix'));
    cpSync(installed.prefix, copy.prefix, { recursive: true, verbatimSymlinks: true });
    for (const name of ['lightgbm', 'koffi'])
      symlinkSync(join(projectRoot, 'node_modules', name), join(copy.folder, '../', name));
    const library = await buildLightGBM(findLightGBMSource());
    const cache = temporaryFolder('cache');
    cpSync(dirname(library), join(cache, 'lightscore', basename(dirname(library))), { recursive: true });
    const verify = ['verify', MODEL, '--rows', '10'];
    const verified = await copy.command(verify, { XDG_CACHE_HOME: cache });
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout, /agree bit for bit/);
    // A relative path is ignored, as the specification of XDG demands.
    const elsewhere = temporaryFolder('home');
    for (const env of [{ XDG_CACHE_HOME: 'relative', HOME: elsewhere }, { HOME: elsewhere }]) {
      const home = join(elsewhere, '.cache/lightscore');
      mkdirSync(dirname(home), { recursive: true });
      rmSync(home, { force: true, recursive: true });
      symlinkSync(join(cache, 'lightscore'), home);
      assert.equal((await copy.command(verify, env)).code, 0);
    }
  });

  test('CommonJS requires the library, where Node can', async (t) => {
    if (!('require_module' in process.features)) return t.skip('this Node requires no ES modules');
    const load = `require('lightscore').loadModel(${JSON.stringify(MODEL)})`;
    const program = `${load}.then((model) => console.log(model.outputs))`;
    const { stdout, stderr } = await run(process.execPath, ['-e', program], { cwd: installed.project() });
    assert.equal(stdout, '1\n', stderr);
  });

  test('nothing but the library can be imported from outside', async () => {
    const program = `import('lightscore/dist/src/server.js').catch((error) => console.log(error.code))`;
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: installed.project() });
    assert.equal(stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});
