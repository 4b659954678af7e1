/** The software bill of materials names every package of an installation that serves, as the lockfile has it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, temporaryFolder } from './support/package.js';
import { projectRoot } from './support/project.js';

const PROGRAM = join(projectRoot, 'deploy/supply-chain/sbom.mjs');

interface LockedPackage {
  /** Where the folder has another name. */
  readonly name?: string;
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  readonly evidence?: { readonly licenses: readonly { readonly license: { readonly id: string } }[] };
}

const { packages }: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
  readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'),
);
const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(projectRoot, 'package.json'), 'utf8'),
);

const readJson = (file: string): { readonly bomFormat: string; readonly components: readonly Component[] } =>
  JSON.parse(readFileSync(file, 'utf8'));

test('every production dependency is named with version, licence and hash, and no other package', async () => {
  const file = join(temporaryFolder('sbom'), 'sbom.cdx.json');
  const { code, stdout, stderr } = await run(process.execPath, [PROGRAM, '--out', file], {
    cwd: projectRoot,
    env: process.env,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /components, CycloneDX 1\.\d\n$/);
  const { bomFormat, components } = readJson(file);
  assert.equal(bomFormat, 'CycloneDX');

  const locked = Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path, { name, version, license, integrity }]) => ({
      name: name ?? path.replace(/^.*node_modules\//, ''),
      version,
      license,
      integrity,
    }));
  assert(locked.length >= Object.keys(dependencies).length);
  const described = components.map(({ name, version, licenses, hashes }) => ({
    name,
    version,
    license: licenses[0].license?.id ?? licenses[0].expression,
    integrity: `${hashes[0].alg.replace('SHA-', 'sha')}-${Buffer.from(hashes[0].content, 'hex').toString('base64')}`,
  }));
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => a.name.localeCompare(b.name);
  assert.deepEqual(described.toSorted(byName), locked.toSorted(byName));
});

test('of the HTTP server it says whose work it is, and under which licence that stands', async () => {
  const file = join(temporaryFolder('sbom'), 'sbom.cdx.json');
  await run(process.execPath, [PROGRAM, '--out', file], { cwd: projectRoot, env: process.env });
  const server = readJson(file).components.find(({ name }) => name === 'uwebsockets');
  assert.equal(server?.evidence?.licenses[0].license.id, 'Apache-2.0');
  const licence = readFileSync(join(projectRoot, 'node_modules/uWebSockets.js/LICENSE'), 'utf8');
  assert.match(licence, /Apache License\s+Version 2\.0/);
});

test('an option that it does not have ends it with 2, and nothing is written', async () => {
  const folder = temporaryFolder('sbom');
  const { code, stderr } = await run(process.execPath, [PROGRAM, '--colour'], { cwd: folder, env: process.env });
  assert.equal(code, 2);
  assert.match(stderr, /usage: npm run sbom/);
  assert(!existsSync(join(folder, 'sbom.cdx.json')));
});
