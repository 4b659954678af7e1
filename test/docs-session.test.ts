/** The shell that runs a page: what it carries from block to block, and what it does not let pass. */
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readPage, stepsOf } from './support/docs/pages.js';
import { Session } from './support/docs/session.js';
import { program, testWith } from './support/needs.js';

/** Runs a page in a folder of its own, which holds a small server. */
async function runPage(t: TestContext, markdown: string): Promise<void> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'lightscore-session-')));
  await writeFile(join(home, 'server.mjs'), SERVER);
  const session = await Session.start({ home, folder: home, environment: { PATH: process.env['PATH'] } });
  t.after(async () => {
    await session.abandon();
    await rm(home, { recursive: true });
  });
  for (const step of stepsOf(readPage('page.md', markdown))) {
    if ('file' in step) session.save(step);
    else await session.run(step);
  }
  await session.end('page.md');
}

/** Answers with what it was given as SAYS, and ends with the argument of the command line on SIGTERM and SIGINT. */
const SERVER = `
import { createServer } from 'node:http';
const server = createServer((request, response) => response.end(process.env.SAYS + '\\n'));
const { PORT } = process.env;
server.listen(Number(PORT), '127.0.0.1', () => console.log('ready on http://localhost:' + PORT));
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(Number(process.argv[2] ?? 0)));
  });
`;

/** Fences, written with quotes for backquotes. */
const page = (text: string): string => text.replaceAll("'''", '```');
/** Asks the server of the page until it answers. */
const ASK = `node -e '(async () => {
  for (;;) try { console.log((await (await fetch("http://127.0.0.1:8000/")).text()).trim()); break } catch {}
})()'`;

test('variables, folders and files of a block are there in the next one', async (t) => {
  await runPage(
    t,
    page(`
'''sh
export NAME=one; other=two
mkdir inner && cd inner
'''

Save as rows.json:

'''json file=inner/rows.json
[1, 2]
'''

'''sh
echo "$NAME $other" && pwd && cat rows.json
'''

'''text
one two
/home/you/inner
[1, 2]
'''
`),
  );
});

test('a command that fails fails its page, with what it printed', async (t) => {
  const markdown = page("'''sh\ntrue\n'''\n\n'''sh\necho before; cat missing.txt\necho after\n'''\n");
  await assert.rejects(
    runPage(t, markdown),
    /page\.md:5: a command failed with 1, having printed:\nbefore\ncat: missing/,
  );
});

test('a failure within a pipe fails its page', async (t) => {
  await assert.rejects(runPage(t, page("'''sh\ncat missing.txt | wc -l\n'''\n")), /page\.md:1: a command failed/);
});

test('a command that is to fail is shown with its exit code', async (t) => {
  await runPage(t, page(`'''sh\ncat missing 2>&- || echo "exit code $?"\n'''\n\n'''text\nexit code 1\n'''\n`));
});

test('an output that differs fails its page', async (t) => {
  await assert.rejects(runPage(t, page("'''sh\necho 57 trees\n'''\n\n'''text\n58 trees\n'''\n")), /page\.md:1 prints/);
});

test('a server in the background is asked on a port of its own, and is ended with the page', async (t) => {
  await runPage(t, page(`'''sh\nSAYS=hello node server.mjs > server.log &\n${ASK}\n'''\n\n'''text\nhello\n'''\n`));
});

test('a server in the background that ends with a failure fails its page', async (t) => {
  const markdown = page(`'''sh\nSAYS=hello node server.mjs 3 > server.log &\n${ASK}\n'''\n`);
  await assert.rejects(runPage(t, markdown), /page\.md: a background command ended with exit code 3/);
});

const SCRIPT = program(['script'], 'apt-get install bsdutils');
const FOREGROUND = "'''sh foreground\nexport SAYS=hello; node server.mjs";

testWith([SCRIPT], 'a server in the foreground has a terminal, and ends on Ctrl+C', async (t) => {
  const first = `${FOREGROUND}\n'''\n\n'''text\nready on http://localhost:8000\n'''`;
  const markdown = `${first}\n\n'''sh\n${ASK}\n'''\n\n'''text\nhello\n'''\n`;
  await runPage(t, page(markdown));
});

testWith(
  [SCRIPT],
  'a server in the foreground that says something else, or ends otherwise, fails its page',
  async (t) => {
    const failing = `${FOREGROUND} 4\n'''\n\n'''text\nready on http://localhost:8000\n'''\n`;
    await assert.rejects(runPage(t, page(failing)), /it ended with 4 on Ctrl\+C/);
    const missing = "'''sh foreground\necho no server\n'''\n\n'''text\nready\n'''\n";
    await assert.rejects(runPage(t, page(missing)), /page\.md:1 prints something else/);
  },
);

test('what a page leaves behind is found', async (t) => {
  // Until it has its own name, a new process has its shell's, or for a moment none.
  const asleep = 'until grep -q ^sleep /proc/$!/cmdline; do :; done';
  const markdown = page(`'''sh\n(sleep 60 > /dev/null 2>&1 & ${asleep})\n'''\n`);
  await assert.rejects(runPage(t, markdown), /page\.md: sleep 60 is still running/);
});
