/**
 * Removes from a node_modules what the server does not read on this platform:
 *
 *     node deploy/container/prune.mjs node_modules
 *
 * uWebSockets.js contains binaries for every platform and ABI (250 MB), of which one is kept. Type declarations, source
 * maps and the AWS SDK's second copy for bundlers (`dist-es`) are removed. All licences are kept.
 */
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const folder = process.argv[2];
if (folder === undefined || basename(folder) !== 'node_modules' || !existsSync(folder)) {
  process.stderr.write('usage: node prune.mjs PATH/node_modules\n');
  process.exit(2);
}

function* filesBelow(path) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(inside);
    else if (entry.isFile()) yield inside;
  }
}

/** The folder of the package that contains a file. */
function packageOf(file) {
  const parts = file.split('/');
  const start = parts.lastIndexOf('node_modules') + 1;
  return parts.slice(0, start + (parts[start].startsWith('@') ? 2 : 1)).join('/');
}

const manifests = new Map();
function manifestOf(file) {
  const root = packageOf(file);
  if (!manifests.has(root)) manifests.set(root, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  return manifests.get(root);
}

const binary = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
const uwsFiles = new Set(['package.json', 'LICENSE', 'uws.js', 'ESM_wrapper.mjs', binary]);
const uws = join(folder, 'uWebSockets.js');
if (!existsSync(join(uws, binary))) {
  const platform = `Node ${process.version} on ${process.platform} ${process.arch}`;
  process.stderr.write(`${join(uws, binary)} does not exist: uWebSockets.js has no binary for ${platform}\n`);
  process.exit(1);
}

/** Whether Node itself may load the package's `dist-es`: if the package is a module, or `exports` or `main` name it. */
function usesDistEs({ main = '', exports = {}, type }) {
  return type === 'module' || JSON.stringify([main, exports]).includes('dist-es');
}

function needed(file) {
  const root = packageOf(file);
  const inside = file.slice(root.length + 1);
  if (root === uws) return uwsFiles.has(inside);
  if (/\.(d\.[cm]?ts|map)$/.test(file)) return false;
  return !(inside.startsWith('dist-es/') && !usesDistEs(manifestOf(file)));
}

let kept = 0;
let removed = 0;
for (const file of filesBelow(folder)) {
  const { size } = statSync(file);
  if (needed(file)) kept += size;
  else {
    rmSync(file);
    removed += size;
  }
}
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
process.stdout.write(
  `${join(dirname(folder), 'node_modules')}: kept ${mebibytes(kept)}, removed ${mebibytes(removed)}\n`,
);
