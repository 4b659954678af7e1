/** What the fuzz takes for a documented difference of the transports is documented, and the rest is a fault. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROWS, explanationOf } from '../loadtest/fuzz/differences.js';
import { mutatedRequest } from '../loadtest/fuzz/mutations.js';
import { traitsOf } from '../loadtest/fuzz/shape.js';
import { readGolden } from './support/golden.js';
import { projectRoot } from './support/project.js';

const page = readFileSync(join(projectRoot, 'docs/concepts/transports.md'), 'utf8');
const answered = { by: 'answered', what: '200', answers: 1 } as const;
const refused = { by: 'parser', what: '400', answers: 0 } as const;

test('every difference that the fuzz excuses is a row of the page about transports', () => {
  const rows = new Set([...page.matchAll(/^\| ([^|]*?) +\|/gm)].map(([, first]) => first));
  assert.deepEqual(
    ROWS.map(([row]) => row).filter((row) => !rows.has(row)),
    [],
  );
});

test('a difference on a right request is not excused, and one that the page names is', () => {
  const right = Buffer.from('POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
  assert.deepEqual([...traitsOf(right)], []);
  assert.equal(explanationOf(right, { uws: answered, node: refused }), undefined);
  assert.equal(explanationOf(right, { uws: answered, node: answered }), 'none');
  const pipelined = Buffer.concat([right, right]);
  assert.equal(explanationOf(pipelined, { uws: refused, node: answered }), 'pipelined requests');
  const doubled = Buffer.from(right.toString().replace('Host', 'Content-Length: 5\r\nHost'));
  assert.equal(explanationOf(doubled, { uws: answered, node: refused }), 'two values of Content-Length');
  assert.equal(explanationOf(doubled, { uws: refused, node: answered }), undefined);
});

test('a mutated request comes from its seed alone', () => {
  const golden = readGolden();
  for (let seed = 1; seed <= 200; seed++) assert.deepEqual(mutatedRequest(seed, golden), mutatedRequest(seed, golden));
  assert.notDeepEqual(mutatedRequest(1, golden), mutatedRequest(2, golden));
});
