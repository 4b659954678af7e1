/**
 * Carries out a Dockerfile without a container engine: node build-image.mjs BASE_TREE OUT
 *
 * Every stage is a tree of its own below OUT, begun as a copy of BASE_TREE (whatever image FROM names) or of an earlier
 * stage; RUN is a chroot into it. Prints the last stage as JSON: `{root, env, workdir, user, entrypoint, cmd,
 * healthcheck, ports, labels, stopSignal}`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contextFilter, parseDockerfile, parsePairs } from './dockerfile.mjs';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const context = join(dirname(fileURLToPath(import.meta.url)), '../..');
const [baseTree, out] = process.argv.slice(2).map((path) => resolve(path));

const say = (line) => process.stderr.write(`${line}\n`);
const inContext = contextFilter(readFileSync(join(context, '.dockerignore'), 'utf8'));
const built = new Map();

function beginStage({ base, name }, index) {
  const parent = built.get(base);
  const root = join(out, name ?? `stage-${index}`);
  say(`FROM ${base}${name === undefined ? '' : ` AS ${name}`}`);
  mkdirSync(out, { recursive: true });
  execFileSync('cp', ['-a', '--reflink=auto', parent?.root ?? baseTree, root]);
  return {
    root,
    env: { PATH, ...parent?.env },
    workdir: parent?.workdir ?? '/',
    user: parent?.user ?? '0:0',
    entrypoint: [],
    cmd: ['/bin/sh'],
    healthcheck: undefined,
    ports: [],
    labels: {},
    stopSignal: 'SIGTERM',
  };
}

function copy(stage, { flags, words, line }) {
  const target = words.at(-1);
  const destination = join(stage.root, target.startsWith('/') ? '' : stage.workdir, target);
  const from = flags.from === undefined ? context : built.get(flags.from)?.root;
  if (from === undefined) throw new Error(`Dockerfile:${line}: no stage ${flags.from}`);
  for (const source of words.slice(0, -1)) {
    const path = join(from, source);
    const folder = statSync(path).isDirectory();
    // As in a Dockerfile, a folder's contents go into the destination; files go into it where it ends in a slash.
    const place = !folder && target.endsWith('/') ? join(destination, basename(source)) : destination;
    mkdirSync(dirname(place), { recursive: true });
    if (folder) {
      cpSync(path, place, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (file) => from !== context || inContext(relative(context, file)),
      });
    } else {
      if (from === context && !inContext(relative(context, path)))
        throw new Error(`Dockerfile:${line}: ${source} is left out by .dockerignore`);
      cpSync(path, place);
    }
  }
}

function run(stage, { rest, json, line }) {
  if (json) throw new Error(`Dockerfile:${line}: RUN in JSON form is not read here`);
  const script = `
    set -e
    mount -t proc proc "$ROOT/proc"
    exec chroot --userspec=${stage.user} "$ROOT" /usr/bin/env -i HOME=/root "$@"`;
  const assignments = Object.entries({ ...stage.env, ...network(stage.root) }).map(
    ([name, value]) => `${name}=${value}`,
  );
  execFileSync(
    'unshare',
    [
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      script,
      'sh',
      ...assignments,
      '/bin/sh',
      '-c',
      `cd ${stage.workdir} && ${rest}`,
    ],
    { env: { PATH: process.env.PATH, ROOT: stage.root }, stdio: ['ignore', process.stderr, process.stderr] },
  );
}

/** What a RUN needs of this machine to reach a registry: name servers, and a certificate authority of a proxy's own. */
function network(root) {
  if (existsSync('/etc/resolv.conf')) copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities === undefined || !existsSync(authorities)) return {};
  const inside = '/tmp/extra-ca-certs.pem';
  writeFileSync(join(root, inside), readFileSync(authorities));
  return { NODE_EXTRA_CA_CERTS: inside };
}

const runTask = {
  WORKDIR(stage, { rest }) {
    stage.workdir = join(stage.workdir, rest);
    mkdirSync(join(stage.root, stage.workdir), { recursive: true });
  },
  ENV: (stage, instruction) => Object.assign(stage.env, Object.fromEntries(parsePairs(instruction))),
  LABEL: (stage, instruction) => Object.assign(stage.labels, Object.fromEntries(parsePairs(instruction))),
  COPY: copy,
  RUN: run,
  USER: (stage, { rest }) => (stage.user = rest),
  EXPOSE: (stage, { words }) => stage.ports.push(...words.map(Number)),
  STOPSIGNAL: (stage, { rest }) => (stage.stopSignal = rest),
  ENTRYPOINT: (stage, instruction) => (stage.entrypoint = command(instruction)),
  CMD: (stage, instruction) => (stage.cmd = command(instruction)),
  HEALTHCHECK(stage, { rest, line }) {
    const [, json] = /^CMD\s+(\[.*\])$/.exec(rest) ?? [];
    if (json === undefined) throw new Error(`Dockerfile:${line}: HEALTHCHECK must be CMD [...]`);
    stage.healthcheck = JSON.parse(json);
  },
};

function command({ json, words, name, line }) {
  if (!json)
    throw new Error(
      `Dockerfile:${line}: ${name} must have the exec form, or the server is not process 1 and gets no signals`,
    );
  return words;
}

let last;
parseDockerfile(readFileSync(join(context, 'Dockerfile'), 'utf8')).forEach((stage, index) => {
  last = beginStage(stage, index);
  for (const instruction of stage.instructions) {
    say(`  ${instruction.name} ${instruction.rest.replaceAll(/\s+/g, ' ')}`);
    const step = runTask[instruction.name];
    if (step === undefined) throw new Error(`Dockerfile:${instruction.line}: ${instruction.name} is not read here`);
    step(last, instruction);
  }
  if (stage.name !== undefined) built.set(stage.name, last);
});
process.stdout.write(`${JSON.stringify(last, undefined, 2)}\n`);
