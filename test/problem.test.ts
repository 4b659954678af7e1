/** Problem details: status, headers and words of each refusal. */
import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { problem, problemAnchor, PROBLEMS, type ProblemCode } from '../src/contract/problem.js';
import { problemSchema, type ProblemDetails } from '../src/contract/schemas.js';

const ajv = new Ajv2020({ strict: true, validateFormats: false, allErrors: true });
const isProblem = ajv.compile<ProblemDetails>(problemSchema);
const codes = Object.keys(PROBLEMS).filter((code): code is ProblemCode => code in PROBLEMS);

describe('every problem', () => {
  for (const code of codes) {
    test(`${code} is problem details with its status`, () => {
      const refusal = problem(code, { requestId: 'r-1' });
      const body: unknown = JSON.parse(refusal.body);
      assert.ok(isProblem(body));
      assert.deepEqual(body, {
        type: `/docs#${problemAnchor(code)}`,
        title: PROBLEMS[code].title,
        status: refusal.status,
        detail: PROBLEMS[code].detail,
        request_id: 'r-1',
      });
      assert.equal(new Map(refusal.headers).get('Content-Type'), 'application/problem+json');
      assert.match(refusal.statusLine, new RegExp(`^${refusal.status} [A-Z][A-Za-z ]+$`));
      // RFC 9110 renamed 413, which Node.js 20 has under its older name.
      if (refusal.status !== 413) assert.equal(refusal.statusLine, `${refusal.status} ${STATUS_CODES[refusal.status]}`);
    });
  }

  test('that trying again can cure says when', () => {
    for (const code of codes) {
      const { status, headers } = problem(code);
      assert.equal(new Map(headers).has('Retry-After'), status === 429 || status === 503, code);
    }
  });
});

test('a detail, places and Retry-After of the request replace the defaults', () => {
  const refusal = problem('RATE_LIMITED', {
    detail: 'Slowly',
    retryAfterSeconds: 7,
    errors: [{ pointer: '/features', detail: 'x' }],
  });
  assert.equal(new Map(refusal.headers).get('Retry-After'), '7');
  assert.deepEqual(JSON.parse(refusal.body), {
    type: '/docs#rate-limited',
    title: 'Too many requests',
    status: 429,
    detail: 'Slowly',
    errors: [{ pointer: '/features', detail: 'x' }],
  });
});

test('401 names its scheme, and whether the key was wrong', () => {
  assert.equal(new Map(problem('UNAUTHENTICATED').headers).get('WWW-Authenticate'), 'Bearer realm="lightscore"');
  assert.equal(
    new Map(problem('UNAUTHENTICATED', { keyRejected: true }).headers).get('WWW-Authenticate'),
    'Bearer realm="lightscore", error="invalid_token"',
  );
  assert.ok(!new Map(problem('FORBIDDEN').headers).has('WWW-Authenticate'));
});

test('405 lists the methods of the route', () => {
  assert.equal(new Map(problem('METHOD_NOT_ALLOWED', { allow: ['GET', 'HEAD'] }).headers).get('Allow'), 'GET, HEAD');
});

test('a connection with an unread body is closed', () => {
  assert.deepEqual(
    codes.filter((code) => problem(code).closesConnection),
    ['BAD_FRAMING', 'BODY_TIMEOUT', 'BODY_TOO_LARGE', 'EXPECTATION_FAILED'],
  );
});
