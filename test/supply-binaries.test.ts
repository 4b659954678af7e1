/** The comparison of installed binaries with a clone of their author's repository, on repositories that git made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, temporaryFolder } from './support/package.js';
import { projectRoot } from './support/project.js';

const PROGRAM = join(projectRoot, 'deploy/supply-chain/binaries.mjs');
const FIRST = 'uws_linux_x64_115.node';
const SECOND = 'uws_linux_x64_137.node';

const compare = (...args: readonly string[]) => run(process.execPath, [PROGRAM, ...args], { cwd: projectRoot });

function write(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

/** An installed package with these binaries. */
function installedPackage(binaries: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('uws');
  write(folder, { 'package.json': '{"name": "uwebsockets", "version": "3.0.6"}', ...binaries });
  return folder;
}

/** An author's repository, in which each release is a commit with a tag. */
class Repository {
  readonly folder = temporaryFolder('author');

  constructor(options: readonly string[] = []) {
    this.git('init', '--quiet', ...options);
  }

  git(...args: readonly string[]): string {
    const author = ['-c', 'user.name=author', '-c', 'user.email=author@example.com'];
    return execFileSync('git', ['-C', this.folder, ...author, ...args], { encoding: 'utf8' }).trim();
  }

  release(tag: string, binaries: Readonly<Record<string, string>>): string {
    write(this.folder, binaries);
    this.git('add', '.');
    this.git('commit', '--quiet', '--message', tag);
    this.git('tag', tag);
    return this.git('rev-parse', '--short=12', 'HEAD');
  }
}

test('each binary is found in the commit that brought it, and in the tags that hold it', async () => {
  const author = new Repository();
  const old = author.release('v20.9.0', { [FIRST]: 'built long ago', [SECOND]: 'an older build' });
  const recent = author.release('v20.10.0', { [SECOND]: 'built lately' });
  const folder = installedPackage({ [FIRST]: 'built long ago', [SECOND]: 'built lately' });
  const { code, stdout, stderr } = await compare(author.folder, '--package', folder);
  assert.equal(code, 0, stderr);
  const hash = author.git('hash-object', join(folder, FIRST)).slice(0, 12);
  assert.match(stdout, /^uwebsockets 3\.0\.6 against /);
  assert.match(stdout, new RegExp(`${FIRST} +${hash} +since ${old} of \\S+, in 2 tags, v20.9.0 to v20.10.0`));
  assert.match(stdout, new RegExp(`${SECOND} .*since ${recent} of \\S+, in v20.10.0\n`));
  assert.match(stdout, /2 of 2 are in the clone under their own names\.\nAll of them are together in v20\.10\.0\./);
});

test('a package of binaries from several releases is called that', async () => {
  const author = new Repository();
  author.release('v20.9.0', { [FIRST]: 'one', [SECOND]: 'two' });
  author.release('v20.10.0', { [FIRST]: 'three', [SECOND]: 'four' });
  const { code, stdout } = await compare(
    author.folder,
    '--package',
    installedPackage({ [FIRST]: 'one', [SECOND]: 'four' }),
  );
  assert.equal(code, 0);
  assert.match(stdout, /No one tag holds all of them\./);
});

test('a binary that differs in one byte, or goes under the name of another platform, is not the author’s', async () => {
  const author = new Repository();
  author.release('v20.9.0', { [FIRST]: 'one', [SECOND]: 'two' });
  const changed = await compare(author.folder, '--package', installedPackage({ [FIRST]: 'one', [SECOND]: 'twp' }));
  assert.equal(changed.code, 1);
  assert.match(changed.stdout, new RegExp(`${SECOND} +\\w{12} +NOT in the clone\n1 of 2 are in the clone`));
  const swapped = await compare(author.folder, '--package', installedPackage({ [FIRST]: 'two' }));
  assert.equal(swapped.code, 1);
  assert.match(swapped.stdout, new RegExp(`${FIRST} .*NOT in the clone under this name, but as ${SECOND}\n`));
});

test('binaries are found on branches, in merges and in folders, and without a tag', async () => {
  const author = new Repository();
  author.release('v1', { 'README.md': 'sources' });
  const main = author.git('symbolic-ref', '--short', 'HEAD');
  author.git('switch', '--quiet', '--create', 'binaries');
  write(join(author.folder, 'dist'), { [FIRST]: 'one' });
  author.git('add', '.');
  author.git('commit', '--quiet', '--message', 'build');
  author.git('switch', '--quiet', main);
  author.git('merge', '--quiet', '--no-ff', '--no-commit', 'binaries');
  write(author.folder, { [SECOND]: 'two' });
  author.git('add', '.');
  author.git('commit', '--quiet', '--message', 'merge');
  author.git('branch', '--quiet', '--delete', '--force', 'binaries');
  const folder = installedPackage({ [FIRST]: 'one', [SECOND]: 'two' });
  const { code, stdout } = await compare(author.folder, '--package', folder);
  assert.equal(code, 0, stdout);
  assert.equal([...stdout.matchAll(/, in no tag$/gm)].length, 2);
});

test('a clone without files is enough, offline; a shallow one says what it lacks', async () => {
  const author = new Repository();
  author.release('v1', { [FIRST]: 'one' });
  author.release('v2', { [FIRST]: 'two' });
  author.git('config', 'uploadpack.allowFilter', 'true');
  const clones = temporaryFolder('clones');
  const clone = (name: string, ...options: readonly string[]): string => {
    execFileSync('git', ['clone', '--quiet', '--bare', ...options, `file://${author.folder}`, join(clones, name)]);
    return join(clones, name);
  };
  const partial = clone('partial', '--filter=blob:none');
  const shallow = clone('shallow', '--depth=1');
  rmSync(author.folder, { recursive: true });
  const folder = installedPackage({ [FIRST]: 'one' });
  const found = await compare(partial, '--package', folder);
  assert.equal(found.code, 0, found.stdout + found.stderr);
  const missed = await compare(shallow, '--package', folder);
  assert.equal(missed.code, 1);
  assert.match(missed.stdout, /The clone is shallow/);
});

test('a repository whose objects are named by SHA-256 is compared by SHA-256', async () => {
  const author = new Repository(['--object-format=sha256']);
  author.release('v1', { [FIRST]: 'one' });
  const { code, stdout } = await compare(author.folder, '--package', installedPackage({ [FIRST]: 'one' }), '--json');
  assert.equal(code, 0);
  const { binaries }: { readonly binaries: readonly Readonly<Record<string, unknown>>[] } = JSON.parse(stdout);
  assert.equal(String(binaries[0]['hash']).length, 64);
  assert.deepEqual(binaries[0]['tags'], ['v1']);
});

test('without a package it takes the installed one: whose binaries an empty history has not', async () => {
  const author = new Repository();
  author.release('v1', { 'README.md': 'no binary' });
  const { code, stdout } = await compare(author.folder, '--json');
  assert.equal(code, 1);
  const { binaries }: { readonly binaries: readonly { readonly name: string }[] } = JSON.parse(stdout);
  assert(binaries.some(({ name }) => name === FIRST));
});

test('where there is nothing to compare it ends with 2 and says why', async () => {
  const folder = installedPackage({});
  const empty = new Repository();
  for (const [args, reason] of [
    [[], /usage: npm run binaries -- CLONE/],
    [['one', 'two'], /usage:/],
    [['--colour', folder], /colour/],
    [[folder], /not a git repository/],
    [[empty.folder, '--package', folder], /holds no \.node file/],
  ] as const) {
    const { code, stderr, stdout } = await compare(...args);
    assert.equal(code, 2, stdout);
    assert.match(stderr, reason);
    assert.equal(stdout, '');
  }
});
