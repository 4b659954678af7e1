/** A server whose terminal is closed goes on, quietly, and ends when it is told to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { program, testWith } from './support/needs.js';
import { CLI, MODELS } from './support/server.js';

/** Runs a command on a pseudo terminal, closes the terminal when standard input ends, and prints how it ended. */
const ON_TERMINAL = `
import os, pty, select, sys
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    ready, _, _ = select.select([master, 0], [], [])
    if master in ready:
        os.write(1, os.read(master, 65536))
    if 0 in ready and not os.read(0, 1):
        break
os.close(master)
_, status = os.waitpid(pid, 0)
os.write(1, b'ended with %d' % os.waitstatus_to_exitcode(status))
`;

testWith([program(['python3'], 'install Python')], 'a closed terminal leaves the server serving', async (t) => {
  const args = [process.execPath, CLI, 'serve', '--model-dir', MODELS, '--port', '0', '--drain-timeout-ms', '0'];
  const shell = spawn('python3', ['-c', ON_TERMINAL, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => shell.kill('SIGKILL'));
  let shown = '';
  const ready = new Promise<RegExpExecArray>((resolve, reject) => {
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const match = /on (http:\S+), process (\d+)[^]*Ctrl\+C/.exec(shown);
      if (match !== null) resolve(match);
    });
    shell.once('exit', () => reject(new Error(`the server did not start: ${shown}`)));
  });
  const [, url, pid] = await ready;
  shell.stdin.end();
  // A refusal is an event that the terminal would show.
  for (let i = 0; i < 20; i++)
    assert.equal(
      (await fetch(`${url}/score`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{' }))
        .status,
      400,
    );
  const ended = once(shell, 'close');
  process.kill(Number(pid), 'SIGTERM');
  await ended;
  // By SIGKILL, its own: a process that exits without its terminal is aborted by Node.
  assert.match(shown, /ended with -9$/);
});
