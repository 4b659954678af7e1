/** What an installed package must do, however it was installed: one suite for all ways. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { close, readGolden } from './golden.js';
import { type InstalledPackage, run, temporaryFolder } from './package.js';
import { projectRoot } from './project.js';

const MODELS = join(projectRoot, 'test/data/models');
const VERSION = join(MODELS, 'v1.0.0');
const { rows, calibrated, raw_score: raw } = readGolden();

/** What it does, by name. */
export const PACKAGE_SUITE: Readonly<Record<string, (installed: InstalledPackage) => Promise<void>>> = {
  'the command shows its help and version': async (installed) => {
    const help = await installed.command(['--help']);
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, /^Usage: lightscore /);
    const manifest: { readonly version: string } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
    assert.equal((await installed.command(['--version'])).stdout, `${manifest.version}\n`);
  },

  'it inspects and scores in an empty folder': async (installed) => {
    const inspected = await installed.command(['inspect', VERSION, '--json']);
    assert.equal(inspected.code, 0, inspected.stderr);
    assert.match(inspected.stdout, /"objective"/);
    const scored = await installed.command(['score', '--model', VERSION, '--rows', '-'], {}, JSON.stringify(rows));
    assert.equal(scored.code, 0, scored.stderr);
    const scores: readonly number[] = JSON.parse(scored.stdout);
    assert(scores.every((score, row) => close(score, calibrated[row])));
  },

  'it serves over HTTP': async (installed) => {
    const server = spawn('lightscore', ['serve'], {
      cwd: temporaryFolder('empty'),
      env: { ...installed.environment, MODEL_DIR: MODELS, MODEL_VERSION: 'v1.0.0', HOST: '127.0.0.1', PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const url = await readyUrl(server.stdout);
      server.stdout.resume();
      const body = JSON.stringify({ features: rows[0] });
      const answer = await fetch(`${url}/score`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(answer.status, 200);
      const { confidence_score: score } = (await answer.json()) as { readonly confidence_score: number };
      assert(close(score, calibrated[0]));
    } finally {
      server.kill();
      await once(server, 'exit');
    }
    assert.equal(server.exitCode, 0);
  },

  'its library scores in a JavaScript project': async (installed) => {
    const project = installed.project();
    const program = `import { loadModel } from 'lightscore';
      const model = await loadModel(${JSON.stringify(VERSION)});
      console.log(JSON.stringify(model.raw(${JSON.stringify(rows.slice(0, 10))})));`;
    writeFileSync(join(project, 'score.mjs'), program);
    const { stdout, stderr } = await run(process.execPath, ['score.mjs'], { cwd: project });
    assert.deepEqual(JSON.parse(stdout === '' ? stderr : stdout), raw.slice(0, 10));
  },

  'its types pass a strict compiler that checks declarations, and no other package': async (installed) => {
    const project = installed.project();
    writeFileSync(
      join(project, 'typed.mts'),
      `import { type ErrorCode, type FileUrl, LightscoreError, type Model, loadModel } from 'lightscore';
      export async function first(path: string | FileUrl): Promise<number | readonly number[] | ErrorCode> {
        using model: Model = await loadModel(path);
        try {
          if (model.multiclass) return model.score([[1, null]])[0];
          const contributions: number[][] = model.contributions(new Float64Array(2), 1);
          return model.raw([[1, null]])[0] + contributions[0][0] + model.featureNames.length;
        } catch (error) {
          if (error instanceof LightscoreError) return error.code;
          throw error;
        }
      }
      export async function wrong(model: Model): Promise<void> {
        // @ts-expect-error a flat array comes with the number of its rows
        model.score(new Float64Array(2));
        // @ts-expect-error rows are numbers
        model.score([['1']]);
      }\n`,
    );
    await compile(project, ['typed.mts'], ['--types', '', '--noEmit']);
  },

  'the examples of docs/guides/library.md print what they say': async (installed) => {
    const project = installed.project(['models', 'test/data']);
    // For console.
    symlinkSync(join(projectRoot, 'node_modules/@types'), join(project, 'node_modules/@types'));
    const page = readFileSync(join(projectRoot, 'docs/guides/library.md'), 'utf8');
    const examples = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
    assert(examples.length >= 4);
    const files = examples.map((_, i) => `example-${i}.mts`);
    for (const [i, file] of files.entries()) writeFileSync(join(project, file), examples[i]);
    await compile(project, files, ['--types', 'node']);
    for (const [i, file] of files.entries()) {
      const { code, stdout, stderr } = await run(process.execPath, [file.replace('.mts', '.mjs')], { cwd: project });
      assert.equal(code, 0, stderr);
      const promised = [...examples[i].matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => `${line}\n`);
      assert.equal(stdout, promised.join(''));
    }
  },
};

/** With the compiler of this checkout. */
async function compile(project: string, files: readonly string[], options: readonly string[]): Promise<void> {
  const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
  const language = ['--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--lib', 'es2022'];
  const modules = ['--module', 'nodenext', '--exactOptionalPropertyTypes'];
  const args = [tsc, ...language, ...modules, ...options, ...files];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: project });
  assert.equal(code, 0, `${stdout}${stderr}`);
}

/** The address in the log of a server that is ready. */
async function readyUrl(log: NodeJS.ReadableStream): Promise<string> {
  const said: string[] = [];
  for await (const line of createInterface({ input: log })) {
    said.push(line);
    const { event, url }: { readonly event?: string; readonly url?: string } = JSON.parse(line);
    if (event === 'ready' && url !== undefined) return url;
  }
  throw new Error(`the server ended: ${said.join('\n')}`);
}
