/** The comparison of outputs with what pages show finds what is wrong, and lets pass only what differs by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareOutput } from './support/docs/outputs.js';

interface Case {
  readonly info: string;
  readonly shown: string;
  readonly printed: string;
}

function compare({ info, shown, printed }: Case): void {
  const [language, ...words] = info.split(' ');
  compareOutput({ line: 1, language, words, text: shown, follows: true }, printed, 'page.md:1');
}

const passes = (one: Case): void => assert.doesNotThrow(() => compare(one));
const fails = (one: Case): void => assert.throws(() => compare(one), /page\.md:1 prints/);

test('a text must be the same, line by line', () => {
  passes({ info: 'text', shown: 'one\ntwo\n', printed: 'one\ntwo  \n\n' });
  fails({ info: 'text', shown: 'one\ntwo\n', printed: 'one\n' });
  fails({ info: 'text', shown: 'one\n', printed: 'one\ntwo\n' });
  fails({ info: 'text', shown: '57 trees\n', printed: '58 trees\n' });
});

test('times, durations and process ids may differ, the words around them may not', () => {
  const shown = 'ready at 2026-11-25T20:00:00.000Z after 412 ms, process 12345; took 4.1 s\n';
  passes({ info: 'text', shown, printed: 'ready at 2027-01-01T00:00:01.5Z after 1,009 ms, process 7; took 12 s\n' });
  fails({ info: 'text', shown, printed: 'ready at 2027-01-01T00:00:01.5Z after 412 rows, process 7; took 12 s\n' });
  fails({ info: 'text', shown, printed: 'ready at noon after 412 ms, process 12345; took 4.1 s\n' });
});

test('a line of three dots stands for any lines', () => {
  passes({ info: 'text', shown: '...\nready\n...\n', printed: 'one\ntwo\nready\n' });
  passes({ info: 'text', shown: 'one\n...\n', printed: 'one\ntwo\nthree\n' });
  fails({ info: 'text', shown: '...\nready\n...\n', printed: 'one\ntwo\n' });
  fails({ info: 'text', shown: 'one\n...\nfour\n', printed: 'one\ntwo\nthree\n' });
});

test('of measurements the form is compared', () => {
  passes({ info: 'text figures', shown: 'p50   0.3 ms  ▁▂▃ 99%\n', printed: 'p50 12.25 ms ▁▇ 7%\n' });
  fails({ info: 'text figures', shown: 'p50 0.3 ms\n', printed: 'p99 0.3 ms\np50 0.3 ms\n' });
  fails({ info: 'text', shown: '120 requests\n', printed: '121 requests\n' });
});

test('JSON is compared as values, and only named fields may differ', () => {
  const shown = '{"score": 0.5, "inference_time_ms": 1, "features": ["a", "..."]}';
  passes({ info: 'json', shown, printed: '{"features":["a","b"],"inference_time_ms":0.2,"score":0.5}\n' });
  fails({ info: 'json', shown, printed: '{"score":0.4,"inference_time_ms":1,"features":["a","b"]}' });
  fails({ info: 'json', shown, printed: '{"score":0.5,"inference_time_ms":"1","features":["a","b"]}' });
  fails({ info: 'json', shown, printed: '{"score":0.5,"inference_time_ms":1,"features":["a","b"],"more":1}' });
  fails({ info: 'json', shown, printed: '{"score":0.5,"inference_time_ms":1,"features":["a"]}' });
  fails({ info: 'json', shown, printed: 'curl: (7) Failed to connect\n' });
});
