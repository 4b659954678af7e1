/** The form of the documentation: each block of commands can be run and is, or is excused; files and links exist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { REASONS, excuseFor, staleExcuses } from './support/docs/excused.js';
import {
  type CommandBlock,
  type Page,
  blocksOf,
  isExample,
  isOutput,
  readPages,
  stepsOf,
} from './support/docs/pages.js';
import { runCli } from './support/cli-process.js';
import { projectRoot } from './support/project.js';

const pages = readPages();
const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(projectRoot, 'package.json'), 'utf8'),
);

/** What begins a line that a reader would type. */
const COMMAND =
  /^\s*(\$ |npm |npx |node |lightscore |curl |kill |kubectl |docker |k6 |git |python3? |pip |[A-Z_]+=\S+ )/m;
/** Other names for `sh`. */
const SHELLS = ['bash', 'shell', 'zsh', 'shellscript'];

/** `PAGE:LINE: what is wrong` for each item that a check finds something wrong with. */
function complaints<T extends { readonly line: number }>(
  itemsOf: (page: Page) => readonly T[],
  check: (item: T, page: Page) => string | undefined,
): readonly string[] {
  return pages.flatMap((page) =>
    itemsOf(page).flatMap((item) => {
      const wrong = check(item, page);
      return wrong === undefined ? [] : [`${page.path}:${item.line}: ${wrong}`];
    }),
  );
}

test('commands stand in fences named sh, and every fence names its language', () => {
  const wrongFences = complaints(
    (page) => page.fences,
    ({ language }) => {
      if (language === '') return 'the fence names no language';
      return SHELLS.includes(language) ? `${language} must be sh` : undefined;
    },
  );
  const indented = complaints(
    (page) => page.paragraphs,
    ({ text }) =>
      /^ {4}/.test(text) && COMMAND.test(text) ? 'indented commands belong in a fence named sh' : undefined,
  );
  assert.deepEqual([...wrongFences, ...indented], []);
});

test('a text is the output of the commands before it, or is marked as an example; JSON is valid', () => {
  const wrong = complaints(
    (page) => page.fences,
    (fence, page) => {
      if (['text', 'console'].includes(fence.language) && !isExample(fence) && !isOutput(page, fence))
        return 'this text is no output of commands directly before it: mark it with "example"';
      if (fence.language !== 'json') return undefined;
      try {
        JSON.parse(fence.text);
        return undefined;
      } catch (error) {
        return `no JSON: ${String(error)}`;
      }
    },
  );
  assert.deepEqual(wrong, []);
});

test('blocks of commands are valid shell without prompts, and a foreground one shows when it is ready', () => {
  assert(pages.flatMap(blocksOf).length > 10);
  const wrong = complaints(blocksOf, ({ commands, foreground, output }) => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: commands, encoding: 'utf8' });
    if (status !== 0) return stderr.trim();
    if (/^\s*[$>] /m.test(commands)) return 'a prompt would be copied with the command';
    return foreground && output === undefined ? 'the text that shows that it is ready must follow' : undefined;
  });
  assert.deepEqual(wrong, []);
});

test('every excused block exists, and none is run elsewhere on its page', (t) => {
  assert.deepEqual(staleExcuses(pages), []);
  for (const block of pages.flatMap(blocksOf)) {
    const reason = excuseFor(block);
    if (reason !== undefined) t.diagnostic(`not run: ${block.page}:${block.line} (${REASONS[reason]})`);
  }
});

test('the files that a page has its reader save stay in the folder where it starts', () => {
  const wrong = complaints(
    (page) => stepsOf(page).filter((step) => 'file' in step),
    ({ file }) => (normalize(file).startsWith('..') || file.startsWith('/') ? `${file} is elsewhere` : undefined),
  );
  assert.deepEqual(wrong, []);
});

test('npm scripts and programs that the pages name exist', () => {
  const wrong = pages.flatMap(({ path }) => {
    const text = readFileSync(join(projectRoot, path), 'utf8');
    const names = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name);
    const files = [...text.matchAll(/\bnode ((?:dist|deploy|loadtest|test)\/[\w./-]+\.m?js)\b/g)].map(
      ([, file]) => file,
    );
    return [
      ...names.filter((name) => scripts[name] === undefined).map((name) => `${path}: npm run ${name}`),
      ...files.filter((file) => !existsSync(join(projectRoot, file))).map((file) => `${path}: node ${file}`),
    ];
  });
  assert.deepEqual(wrong, []);
});

/** The commands of lightscore in a block: the name of each, and its options. */
function commandsOf({ commands }: CommandBlock): readonly { readonly name: string; readonly options: string[] }[] {
  return commands
    .replaceAll('\\\n', ' ')
    .replaceAll(/(^|\s)#.*$/gm, '')
    .split(/[;&|()\n]|\b(?:do|then|exec)\s/)
    .flatMap((command) => {
      const [, name, rest] = /^\s*(?:\w+=\S*\s+)*lightscore ([a-z]+)\b(.*)$/.exec(command) ?? [];
      if (name === undefined) return [];
      return [{ name, options: [...rest.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([option]) => option) }];
    });
}

test('what the pages tell lightscore to do, it knows: commands and options, in excused blocks too', async () => {
  const shown = pages.flatMap(blocksOf).flatMap(commandsOf);
  const wrong: string[] = [];
  for (const name of new Set(shown.map((one) => one.name))) {
    const help = await helpOf(name);
    if (help === undefined) wrong.push(`lightscore ${name}`);
    const options = new Set(shown.filter((one) => one.name === name).flatMap((one) => one.options));
    for (const option of options)
      if (help !== undefined && !new RegExp(`(^|\\s)${option}\\b`, 'm').test(help))
        wrong.push(`lightscore ${name} ${option}`);
  }
  assert.deepEqual(wrong, []);
});

/** The help of a command and of those below it. */
async function helpOf(name: string): Promise<string | undefined> {
  const { code, stdout } = await runCli([...name.split(' '), '--help']);
  if (code !== 0) return undefined;
  const below = /\nCommands:\n([^]*)$/.exec(stdout)?.[1] ?? '';
  // One level only: what follows the commands in a help (variables, examples) reads like names, too.
  const isNested = name.includes(' ');
  const found = isNested ? [] : [...below.matchAll(/^ {2}([a-z]+)/gm)].map(([, sub]) => sub);
  const names = found.filter((sub) => sub !== 'help');
  const helps = await Promise.all(names.map((sub) => helpOf(`${name} ${sub}`)));
  return [stdout, ...helps].join('\n');
}

/** As GitHub names the headings of a page. */
function anchorsOf(file: string): readonly string[] {
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/\[(.*?)\]\(.*?\)/g, '$1')
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('links between the files of the repository lead somewhere', () => {
  const wrong = complaints(
    (page) => page.paragraphs,
    ({ text }, { path }) => {
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
      const broken = links.filter((link) => {
        if (/^[a-z]+:/.test(link)) return false;
        const [file, anchor] = link.split('#');
        const target = file === '' ? join(projectRoot, path) : join(projectRoot, dirname(path), file);
        return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
      });
      return broken.length > 0 ? `no such place: ${broken.join(', ')}` : undefined;
    },
  );
  assert.deepEqual(wrong, []);
});
