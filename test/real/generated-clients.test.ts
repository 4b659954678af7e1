/**
 * Clients that generators make of the served OpenAPI document: they compile, get the bits of a plain request, decode
 * problems and read the answers of the admin routes. Their programs are in test/real/generated.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe } from 'node:test';
import { promisify } from 'node:util';
import { PROBLEMS, type ProblemCode, problemAnchor, problemDetails } from '../../src/contract/problem.js';
import type { ScoreResponse } from '../../src/contract/schemas.js';
import { readGolden } from '../support/golden.js';
import { GENERATORS, generatorsPython as python } from '../support/generators.js';
import { program, testWith } from '../support/needs.js';
import { REGISTRY, npm } from '../support/npm.js';
import { PROBLEM_CODES, PROBLEM_OPTIONS, ProblemServer } from '../support/problem-server.js';
import { projectRoot } from '../support/project.js';
import { type ServerProcess, startServer } from '../support/server.js';

const run = promisify(execFile);
const PROGRAMS = join(projectRoot, 'test/real/generated');
const KEY = 'scoringkey-123456789';
const ADMIN = 'adminkey-123456789';

const GO = program(['go'], 'install Go');
const JAVA = program(['javac'], 'apt-get install default-jdk-headless');
const OAPI_CODEGEN = program(
  ['oapi-codegen'],
  'go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2',
);
/** What every program prints. */
interface Found {
  readonly scores: readonly number[];
  readonly batch: readonly number[];
  /** Of the first row, by SHAP: the mean score and what each feature adds, largest first. */
  readonly expected: number;
  readonly contributions: readonly number[];
  /** The fields of each kind of problem. */
  readonly problems: Readonly<Record<string, readonly unknown[]>>;
  readonly [name: string]: unknown;
}

/** The fields of every kind of problem, by its name. */
function allProblems(): Readonly<Record<string, readonly unknown[]>> {
  return Object.fromEntries(
    PROBLEM_CODES.map((code) => {
      const {
        type,
        status,
        title,
        detail,
        request_id: id,
        trace_id: trace,
        errors,
      } = problemDetails(code, PROBLEM_OPTIONS);
      return [problemAnchor(code), [type, status, title, detail, id, trace, ...(errors ?? []).flatMap(Object.values)]];
    }),
  );
}

describe('a client generated', () => {
  let server: ServerProcess;
  let folder: string;
  /** Rows with digits that a float loses, and a missing value. */
  const rows = readGolden().rows.slice(0, 30);
  let scores: number[];
  let explained: ScoreResponse;
  let refusing: ProblemServer;
  /** The problems of a score, and those that only loading a model has, by their names. */
  let kinds: { score: string[]; load: string[] };
  let names: readonly string[];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lightscore-generated-'));
    server = await startServer({ API_KEYS: `c:${KEY}`, ADMIN_API_KEYS: `ops:${ADMIN}` });
    const { text } = await server.request('/openapi.json');
    writeFileSync(join(folder, 'openapi.json'), text);
    const { paths }: { paths: Record<string, { post: { responses: object } }> } = JSON.parse(text);
    const ofScores = paths['/score'].post.responses;
    writeFileSync(join(folder, 'rows.json'), JSON.stringify(rows));
    const { scoredBatch } = await server.score(
      rows.map((features) => ({ features })),
      '/score_batch',
      { 'X-API-Key': KEY },
    );
    scores = scoredBatch.map(({ confidence_score: score }) => score);
    const row = { features: rows[0] };
    const path = `/score?explain=shap&top_k=${rows[0].length}`;
    explained = (await server.score(row, path, { 'X-API-Key': KEY })).scored;
    names = readGolden().feature_names;
    refusing = await ProblemServer.start();
    const isOfScores = (code: ProblemCode): boolean => String(PROBLEMS[code].status) in ofScores;
    kinds = {
      score: PROBLEM_CODES.filter(isOfScores).map(problemAnchor),
      load: PROBLEM_CODES.filter((code) => !isOfScores(code)).map(problemAnchor),
    };
  });
  after(async () => {
    await refusing.stop();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    BASE: server.url,
    KEY,
    ADMIN,
    ROWS: join(folder, 'rows.json'),
    NAMES: JSON.stringify(names),
    PROBLEMS: refusing.url,
    KINDS: JSON.stringify(kinds),
  });

  /** Runs a program in `cwd`, and holds what it prints to what a plain request gets. */
  async function check(command: string, args: readonly string[], cwd: string): Promise<void> {
    const { stdout } = await run(command, args, { cwd, env: environment(), maxBuffer: 16 << 20 });
    const { scores: own, batch, expected, contributions, problems, ...others } = JSON.parse(stdout) as Found;
    assert.deepEqual(own, scores);
    assert.deepEqual(batch, scores);
    assert.equal(expected, explained.expected_value);
    assert.deepEqual(
      contributions,
      explained.top_features.map(({ contribution }) => contribution),
    );
    assert.deepEqual(problems, allProblems());
    const { size, rows: checked, unknown, ...rest } = others;
    assert.deepEqual(rest, {
      bad: '/docs#feature-count',
      unauthenticated: '/docs#unauthenticated',
      conflict: '/docs#model-conflict',
      none: true,
      idle: true,
      named: 'setting',
      role: 'champion',
      ended: 'ended',
      outcome: 'started',
      champion: 'v1.0.0',
      challenger: 'v1.1.0',
      share: 0.25,
    });
    // The plus sign, which clients encode in a path, has arrived.
    assert.match(String(unknown), /v9\.9\.9\+build\.7/);
    assert(Number(size) > 100 && Number(checked) > 100, `${String(size)} ${String(checked)}`);
  }

  /** A folder for one client. */
  const place = (name: string): string => {
    const made = join(folder, name);
    mkdirSync(made);
    return made;
  };

  /** Runs openapi-generator, whose jar is in a package of PyPI. */
  async function generate(generator: string, out: string, properties: readonly string[] = []): Promise<void> {
    const options = properties.length === 0 ? [] : [`--additional-properties=${properties.join()}`];
    const input = ['-g', generator, '-i', join(folder, 'openapi.json'), '-o', out, ...options];
    await run('java', ['-jar', await jar(), 'generate', ...input], { maxBuffer: 16 << 20 });
  }

  async function jar(): Promise<string> {
    const { stdout } = await run(python, ['-c', 'import openapi_generator_cli as o; print(o.__file__)']);
    return join(dirname(stdout.trim()), 'openapi-generator.jar');
  }

  testWith([GO, OAPI_CODEGEN], 'by oapi-codegen (Go)', async () => {
    const own = place('oapi-codegen');
    const document = join(folder, 'openapi.json');
    await run('oapi-codegen', ['-generate', 'types,client', '-package', 'main', '-o', 'client.go', document], {
      cwd: own,
    });
    cpSync(join(PROGRAMS, 'oapi-codegen.go'), join(own, 'main.go'));
    writeFileSync(
      join(own, 'go.mod'),
      'module example.com/scores\n\ngo 1.24\n\nrequire github.com/oapi-codegen/runtime v1.9.0\n',
    );
    await run('go', ['mod', 'tidy'], { cwd: own });
    await check('go', ['run', '.'], own);
  });

  testWith([GO, JAVA, GENERATORS], 'by openapi-generator (Go)', async () => {
    const own = place('openapi-generator-go');
    await generate('go', join(own, 'client'), ['packageName=client']);
    // A module of its own name; the generated one has a placeholder.
    writeFileSync(join(own, 'client/go.mod'), 'module example.com/client\n\ngo 1.23\n');
    rmSync(join(own, 'client/test'), { recursive: true, force: true });
    cpSync(join(PROGRAMS, 'openapi-generator.go'), join(own, 'main.go'));
    writeFileSync(
      join(own, 'go.mod'),
      'module example.com/scores\n\ngo 1.23\n\nrequire example.com/client v0.0.0\n\n' +
        'replace example.com/client => ./client\n',
    );
    await check('go', ['run', '.'], own);
  });

  testWith([JAVA, GENERATORS], 'by openapi-generator (Java)', async () => {
    const own = place('openapi-generator-java');
    await generate('java', join(own, 'client'), ['library=native', 'openApiNullable=false', 'annotationLibrary=none']);
    // Annotations without effect, which would take a library of their own.
    const annotations = join(own, 'client/src/main/java/javax/annotation');
    mkdirSync(annotations, { recursive: true });
    for (const name of ['Nullable', 'Nonnull'])
      writeFileSync(join(annotations, `${name}.java`), `package javax.annotation; public @interface ${name} {}`);
    writeFileSync(
      join(annotations, 'Generated.java'),
      'package javax.annotation; public @interface Generated { String[] value(); String date() default ""; ' +
        'String comments() default ""; }',
    );
    const sources = readdirSync(join(own, 'client/src/main/java'), { recursive: true })
      .map((file) => join(own, 'client/src/main/java', String(file)))
      .filter((file) => file.endsWith('.java'));
    // The generator's own jar has Jackson.
    const classes = join(own, 'classes');
    await run('javac', ['-nowarn', '-d', classes, '-cp', await jar(), ...sources, join(PROGRAMS, 'Client.java')]);
    await check('java', ['-cp', `${classes}:${await jar()}`, 'Client'], own);
  });

  testWith([GENERATORS], 'by openapi-python-client', async () => {
    const own = place('openapi-python-client');
    const tool = join(dirname(python), 'openapi-python-client');
    await run(tool, ['generate', '--path', join(folder, 'openapi.json'), '--output-path', 'client', '--meta', 'none'], {
      cwd: own,
    });
    cpSync(join(own, 'client'), join(own, 'lightscore_client'), { recursive: true });
    cpSync(join(PROGRAMS, 'openapi_python_client.py'), join(own, 'scores.py'));
    await check(python, ['scores.py'], own);
  });

  testWith([JAVA, GENERATORS], 'by openapi-generator (Python)', async () => {
    const own = place('openapi-generator-python');
    await generate('python', own);
    cpSync(join(PROGRAMS, 'openapi_generator.py'), join(own, 'scores.py'));
    await check(python, ['scores.py'], own);
  });

  testWith([REGISTRY], 'by openapi-typescript', async () => {
    const own = place('openapi-typescript');
    const packages = ['openapi-typescript@7.13.0', 'openapi-fetch@0.17.0', 'typescript@5.9.3', '@types/node@20.19.43'];
    writeFileSync(join(own, 'package.json'), '{"type":"module"}');
    await npm(['install', '--no-audit', '--no-fund', ...packages], own);
    const tool = (name: string): string => join(own, 'node_modules/.bin', name);
    await run(tool('openapi-typescript'), [join(folder, 'openapi.json'), '-o', 'schema.ts'], { cwd: own });
    cpSync(join(PROGRAMS, 'openapi-typescript.ts'), join(own, 'scores.ts'));
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--skipLibCheck'];
    await run(tool('tsc'), [...options, 'scores.ts'], { cwd: own });
    await check(process.execPath, ['scores.js'], own);
  });
});
