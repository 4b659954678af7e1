/** Compares what a block printed with what its page shows, but for what differs from run to run. */
import assert from 'node:assert/strict';
import type { Fence } from './pages.js';

/** What differs from run to run in a text, and the word that stands for it on both sides. */
const NORMALISATIONS: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?/g, 'TIME'],
  [/\b20\d\d-\d\d-\d\d\b/g, 'DATE'],
  [/\b\d\d:\d\d:\d\d\b/g, 'TIME'],
  [/\b(process|pid"?:?|PID|kill -\w+) \d+/g, '$1 PROCESS'],
  [/\b\d[\d,]*(?:\.\d+)? ?(?:ns|us|µs|ms|s|min|seconds|minutes)\b/g, 'DURATION'],
  [/[ \t]+$/gm, ''],
];

/** What a measurement prints: only its form is compared. */
const FIGURES: readonly (readonly [RegExp, string])[] = [
  [/[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉░▒▓]+/g, 'BAR'],
  [/[-+]?\d[\d,]*(?:\.\d+)?/g, 'N'],
  [/[ \t]+/g, ' '],
];

/** Fields of answers whose value differs from run to run; the type is compared. */
const VARYING_FIELDS = ['inference_time_ms', 'timestamp', 'time', 'pid', 'uptime_seconds', 'loaded_at', 'at'];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A line that stands for any lines, and a value that stands for any value. */
const ELISION = '...';

function normalise(text: string, rules: readonly (readonly [RegExp, string])[]): string {
  return rules.reduce((result, [pattern, word]) => result.replace(pattern, word), text).trimEnd();
}

/** @throws AssertionError that shows both, where `printed` is not what `shown` says */
export function compareOutput(shown: Fence, printed: string, where: string): void {
  if (shown.language === 'json') compareJson(shown.text, printed, where);
  else compareText(shown, printed, where);
}

function compareText(shown: Fence, printed: string, where: string): void {
  const rules = shown.words.includes('figures') ? [...NORMALISATIONS, ...FIGURES] : NORMALISATIONS;
  const expected = normalise(shown.text, rules);
  const actual = normalise(printed, rules);
  if (!matchesLines(expected.split('\n'), actual.split('\n')))
    assert.equal(actual, expected, `${where} prints something else than the page shows`);
}

/** Whether the lines are the expected ones, where `...` stands for any lines, or for none. */
function matchesLines(expected: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first !== ELISION) return actual.length > 0 && actual[0] === first && matchesLines(rest, actual.slice(1));
  return actual.some((_, i) => matchesLines(rest, actual.slice(i))) || rest.length === 0;
}

function compareJson(shown: string, printed: string, where: string): void {
  const expected: unknown = JSON.parse(shown);
  let actual: unknown;
  try {
    actual = JSON.parse(printed);
  } catch {
    assert.fail(`${where} prints no JSON, but:\n${printed}`);
  }
  assert.deepEqual(withoutVarying(actual, expected), expected, `${where} prints something else than the page shows`);
}

/** `actual`, with the expected value where it may differ. */
function withoutVarying(actual: unknown, expected: unknown): unknown {
  if (expected === ELISION) return expected;
  if (typeof expected === 'string' && typeof actual === 'string' && UUID.test(expected) && UUID.test(actual))
    return expected;
  if (Array.isArray(actual) && Array.isArray(expected))
    return actual.map((value: unknown, i) => withoutVarying(value, expected[i]));
  if (!isObject(actual) || !isObject(expected)) return actual;
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => {
      const varies = VARYING_FIELDS.includes(name) && typeof value === typeof expected[name];
      return [name, varies ? expected[name] : withoutVarying(value, expected[name])];
    }),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
