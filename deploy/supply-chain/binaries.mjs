/**
 * `npm run binaries -- CLONE`: looks every compiled binary of uWebSockets.js that is installed here up in a clone of
 * its author's repository, by git's own hash of the file, and says which commit and which tags hold it.
 *
 * Commits and trees are enough, no file of the clone is read, so a clone without files will do:
 *
 *     git clone --bare --filter=blob:none https://github.com/uNetworking/uWebSockets.js uws.git
 *
 * Exit codes: 0 the clone holds every binary under its own name, 1 it does not, 2 there is nothing to compare.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = 'usage: npm run binaries -- CLONE [--package FOLDER] [--json]';
/** Bytes of a history that git may print. */
const HISTORY_BYTES = 1 << 30;
const SHORT_HASH = 12;
/** The binary that this Node would load. */
const OWN = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;

function fail(message) {
  process.stderr.write(`binaries: ${message}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { package: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    if (positionals.length !== 1) fail(USAGE);
    return { clone: resolve(positionals[0]), folder: values.package ?? installedPackage(), json: values.json };
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`);
  }
}

function installedPackage() {
  try {
    return dirname(createRequire(import.meta.url).resolve('uWebSockets.js/package.json'));
  } catch {
    return fail('uWebSockets.js is not installed: run npm ci');
  }
}

/** A runner of git in one repository; what it says goes through, and a failure of it ends the program. */
function gitIn(repository) {
  return (args, input) => {
    const { status, stdout, stderr, error } = spawnSync('git', ['-C', repository, ...args], {
      encoding: 'utf8',
      input,
      maxBuffer: HISTORY_BYTES,
    });
    if (error?.code === 'ENOENT') fail('git is not installed');
    if (error !== undefined) throw error;
    if (status !== 0) fail(`git ${args[0]} failed in ${repository}: ${stderr.trim()}`);
    return stdout.trim();
  };
}

/** The installed binaries: name and git's hash of the content, in the hash function of the clone. */
function installedBinaries(git, folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.node'));
  if (names.length === 0) return fail(`${folder} holds no .node file`);
  const paths = names.map((name) => `${resolve(folder, name)}\n`).join('');
  const hashes = git(['hash-object', '--no-filters', '--stdin-paths'], paths).split('\n');
  return names.map((name, i) => ({ name, hash: hashes[i] }));
}

/**
 * Every .node file that any commit of the clone added or changed, under `HASH NAME`, with the oldest such commit.
 * Renames and merges are taken apart, so that a file is found wherever it came from.
 */
function historyOf(git) {
  const log = git([
    'log',
    '--all',
    '--reverse',
    '-m',
    '--raw',
    '--no-abbrev',
    '--no-renames',
    '--format=commit %H %cs',
  ]);
  const found = new Map();
  let commit;
  for (const line of log.split('\n')) {
    const [, hash, date] = /^commit (\S+) (\S+)/.exec(line) ?? [];
    if (hash !== undefined) commit = { commit: hash, date };
    const [, blob, path] = /^:\d+ \d+ \w+ (\w+) [AMT]\t(.*\.node)$/.exec(line) ?? [];
    if (blob === undefined) continue;
    const key = `${blob} ${basename(path)}`;
    if (!found.has(key)) found.set(key, commit);
  }
  return found;
}

/** The tags whose tree holds a .node file, under `HASH NAME`, in the order of their versions. */
function tagsOf(git) {
  const holding = new Map();
  const tags = git(['tag', '--list', '--sort=version:refname']).split('\n').filter(Boolean);
  for (const tag of tags) {
    for (const line of git(['ls-tree', '-r', `refs/tags/${tag}`]).split('\n')) {
      const [, blob, path] = /^\d+ blob (\w+)\t(.*\.node)$/.exec(line) ?? [];
      if (blob === undefined) continue;
      const key = `${blob} ${basename(path)}`;
      holding.set(key, [...(holding.get(key) ?? []), tag]);
    }
  }
  return holding;
}

function compare(git, folder) {
  const binaries = installedBinaries(git, folder);
  const history = historyOf(git);
  const tags = tagsOf(git);
  const names = new Map([...history.keys()].map((key) => key.split(' ')));
  return binaries.map(({ name, hash }) => {
    const origin = history.get(`${hash} ${name}`);
    if (origin !== undefined) return { name, hash, found: true, ...origin, tags: tags.get(`${hash} ${name}`) ?? [] };
    return { name, hash, found: false, otherName: names.get(hash) };
  });
}

function describeTags(tags) {
  if (tags.length === 0) return 'in no tag';
  return tags.length === 1 ? `in ${tags[0]}` : `in ${tags.length} tags, ${tags[0]} to ${tags.at(-1)}`;
}

function describe({ name, hash, found, commit, date, tags, otherName }) {
  const start = `${name === OWN ? '*' : ' '} ${name.padEnd(28)} ${hash.slice(0, SHORT_HASH)} `;
  if (found) return `${start} since ${commit.slice(0, SHORT_HASH)} of ${date}, ${describeTags(tags)}`;
  return `${start} NOT in the clone${otherName === undefined ? '' : ` under this name, but as ${otherName}`}`;
}

/** The tags that hold all of them: a package that mixes several releases has none. */
function commonTags(results) {
  const [first, ...others] = results.map(({ tags = [] }) => tags);
  return first.filter((tag) => others.every((tags) => tags.includes(tag)));
}

function summarize(results, git) {
  const missing = results.filter(({ found }) => !found).length;
  const lines = [`${results.length - missing} of ${results.length} are in the clone under their own names.`];
  const common = commonTags(results);
  if (missing === 0)
    lines.push(
      common.length > 0 ? `All of them are together ${describeTags(common)}.` : 'No one tag holds all of them.',
    );
  if (results.some(({ name }) => name === OWN)) lines.push('* is what this Node loads.');
  if (missing > 0 && git(['rev-parse', '--is-shallow-repository']) === 'true')
    lines.push('The clone is shallow: it holds a part of the history only. Fetch the rest with git fetch --unshallow.');
  return lines;
}

const { clone, folder, json } = readArguments();
const git = gitIn(clone);
git(['rev-parse', '--git-dir']);
const results = compare(git, folder);
const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
if (json) process.stdout.write(`${JSON.stringify({ package: name, version, binaries: results }, undefined, 2)}\n`);
else {
  const lines = [`${name} ${version} against ${clone}`, ...results.map(describe), ...summarize(results, git)];
  process.stdout.write(`${lines.join('\n')}\n`);
}
process.exitCode = results.every(({ found }) => found) ? 0 : 1;
