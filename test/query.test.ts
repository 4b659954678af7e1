/** The query of a scoring request. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parseScoreQuery } from '../src/contract/query.js';

describe('the query of a scoring request', () => {
  const good: [string, object][] = [
    ['', { explain: 'importance', topK: 3 }],
    ['explain=shap', { explain: 'shap', topK: 3 }],
    ['explain=shap&top_k=5', { explain: 'shap', topK: 5 }],
    ['top_k=1000&explain=shap', { explain: 'shap', topK: 1000 }],
    ['top_k=1', { explain: 'importance', topK: 1 }],
  ];
  for (const [query, parsed] of good)
    test(`"${query}" is read`, () => assert.deepEqual(parseScoreQuery(query), parsed));

  const bad: [string, string][] = [
    ['explain=lime', 'explain must be importance or shap, not "lime"'],
    ['explain=', 'explain must be importance or shap, not ""'],
    ['top_k=0', 'top_k must be a whole number from 1 to 1000, not "0"'],
    ['top_k=1001', 'top_k must be a whole number from 1 to 1000, not "1001"'],
    ['top_k=1.5', 'top_k must be a whole number from 1 to 1000, not "1.5"'],
    ['top_k=-1', 'top_k must be a whole number from 1 to 1000, not "-1"'],
    ['top_k=1e2', 'top_k must be a whole number from 1 to 1000, not "1e2"'],
    ['topk=5', 'unknown query parameter "topk"; the parameters are explain and top_k'],
    ['top_k=1&top_k=2', 'query parameter "top_k" appears twice'],
    ['__proto__=1', 'unknown query parameter "__proto__"; the parameters are explain and top_k'],
  ];
  for (const [query, detail] of bad)
    test(`"${query}" is refused: ${detail}`, () => assert.deepEqual(parseScoreQuery(query), { detail }));

  test('is parameters or a refusal, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webQueryParameters(),
          fc.string().map((value) => `top_k=${value}`),
        ),
        (query) => {
          const parsed = parseScoreQuery(query);
          if ('topK' in parsed) assert.ok(Number.isInteger(parsed.topK) && parsed.topK >= 1 && parsed.topK <= 1000);
          else assert.ok(parsed.detail !== undefined && parsed.detail.length < 400);
        },
      ),
    );
  });
});
