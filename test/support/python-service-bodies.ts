/**
 * Bodies that clients of the Python service send, each with what that service answers and what Lightscore answers:
 * test/data/python-service-bodies.json. One test holds Lightscore to the list, another one the Python service.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ProblemDetails, ScoreResponse } from '../../src/contract/schemas.js';
import { close } from './golden.js';
import { projectRoot } from './project.js';

interface Verdict {
  readonly status: number;
  /** The score of each row, where the status is 200. */
  readonly scores?: readonly number[];
  /** The JSON Pointer of the first error, where Lightscore refuses the body and names one. */
  readonly pointer?: string;
}

export interface RecordedBody {
  readonly name: string;
  readonly path: string;
  readonly body: string;
  /** How the body becomes bytes; UTF-8 if absent. */
  readonly encoding?: 'utf16le' | 'latin1' | 'gzip';
  /** null takes a default header away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly python: Verdict;
  readonly lightscore: Verdict;
  /** Where the verdicts differ: words of the list of differences in docs/guides/migrate-from-python.md. */
  readonly difference?: string;
}

export function readRecordedBodies(): readonly RecordedBody[] {
  const bodies: readonly RecordedBody[] = JSON.parse(
    readFileSync(join(projectRoot, 'test/data/python-service-bodies.json'), 'utf8'),
  );
  return bodies;
}

/** Sends a body over a connection of its own, and holds the answer to `expected`. */
export async function holdAnswer(origin: string, sent: RecordedBody, expected: Verdict): Promise<void> {
  const { status, text } = await send(origin, sent);
  assert.equal(status, expected.status, text);
  if (expected.scores !== undefined) {
    const answer: ScoreResponse | readonly ScoreResponse[] = JSON.parse(text);
    const scores = [answer].flat().map((row: ScoreResponse) => row.confidence_score);
    assert.equal(scores.length, expected.scores.length);
    scores.forEach((score, i) => assert(close(score, expected.scores?.[i] ?? NaN), `row ${i}: ${score}`));
  }
  if (expected.pointer !== undefined) {
    const problem: ProblemDetails = JSON.parse(text);
    assert.equal(problem.errors?.[0].pointer, expected.pointer, text);
  }
}

function send(origin: string, sent: RecordedBody): Promise<{ readonly status: number; readonly text: string }> {
  const { encoding = 'utf8' } = sent;
  const bytes = encoding === 'gzip' ? gzipSync(sent.body) : Buffer.from(sent.body, encoding);
  const headers = Object.entries({
    'Content-Type': 'application/json',
    'Content-Length': String(bytes.length),
    ...sent.headers,
  }).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: Object.fromEntries(headers), agent: false };
    const outgoing = request(`${origin}${sent.path}`, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(bytes);
  });
}
