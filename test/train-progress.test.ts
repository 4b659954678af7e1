/** How a long command says how far it is: on a terminal, and in a pipe. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { progressReport } from '../src/train/progress.js';

const ERASE_LINE = '\r\u001B[2K';

function written(terminal: boolean): string {
  const stream = Object.assign(new PassThrough(), terminal ? { isTTY: true, columns: 20 } : {});
  const report = progressReport(stream);
  report.line('reading');
  report.status('iteration 1', true);
  report.status('iteration 2, and more than a line holds', false);
  report.line('done');
  report.line('written');
  return String(stream.read());
}

test('in a pipe there are lines and milestones only', () => {
  assert.equal(written(false), 'reading\niteration 1\ndone\nwritten\n');
});

test('on a terminal the state is one line, rewritten, no wider than the terminal', () => {
  assert.equal(
    written(true),
    `reading\n${ERASE_LINE}iteration 1${ERASE_LINE}iteration 2, and mo${ERASE_LINE}done\nwritten\n`,
  );
});
