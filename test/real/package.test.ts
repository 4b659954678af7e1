/** The package as npm installs it, with its dependencies from the registry, for all users: `npm install --global`. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findLightGBMSource } from '../../src/native/build.js';
import { type Need, testWith } from '../support/needs.js';
import { REGISTRY, npm } from '../support/npm.js';
import { InstalledPackage, pack, packableTree, temporaryFolder } from '../support/package.js';
import { PACKAGE_SUITE } from '../support/package-suite.js';
import { projectRoot } from '../support/project.js';

const MODEL = join(projectRoot, 'test/data/models/v1.0.0');

/** In the checkout: the installed copy gets it from there, as building it takes minutes. */
const NATIVE: Need = () =>
  existsSync(findLightGBMSource().library) ? undefined : 'native LightGBM is not built: npm test builds it';

let installation: Promise<InstalledPackage> | undefined;

function installed(): Promise<InstalledPackage> {
  installation ??= install();
  return installation;
}

async function install(): Promise<InstalledPackage> {
  const folder = temporaryFolder('tarball');
  const { filename } = await pack(packableTree({ built: true }), folder);
  const prefix = temporaryFolder('prefix');
  await npm(['install', '--global', '--prefix', prefix, join(folder, filename)], folder);
  return new InstalledPackage(prefix);
}

for (const [name, check] of Object.entries(PACKAGE_SUITE))
  testWith([REGISTRY], `installed by npm: ${name}`, async () => check(await installed()));

testWith([REGISTRY, NATIVE], 'verify and train work once their packages are installed as they say', async () => {
  const copy = await installed();
  const cache = temporaryFolder('cache');
  const { library } = findLightGBMSource();
  const built = join(cache, 'lightscore', basename(dirname(library)));
  mkdirSync(dirname(built));
  cpSync(dirname(library), built, { recursive: true });
  const env = { XDG_CACHE_HOME: cache, HOME: cache };
  const work = temporaryFolder('work');
  const [data, out] = [join(work, 'data'), join(work, 'models')];
  const train = ['train', '--data', data, '--version', 'v1.0.0', '--out', out];

  const refused = await copy.command(train, env);
  const advice = /not installed here \(npm (install .*?)\)/.exec(refused.stderr)?.[1];
  assert(advice !== undefined, refused.stderr);
  await npm(advice.split(' '), work);

  const verified = await copy.command(['verify', MODEL, '--rows', '100'], env);
  assert.equal(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /agree bit for bit/);
  assert.doesNotMatch(verified.stderr, /building/);
  assert.equal((await copy.command(['data', '--rows', '15000', '--out', data], env)).code, 0);
  const trained = await copy.command(train, env);
  assert.equal(trained.code, 0, trained.stderr);
  const inspected = await copy.command(['inspect', join(out, 'v1.0.0')], env);
  assert.match(inspected.stdout, /Objective +binary/);
});
