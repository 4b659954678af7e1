/** The page at /docs, as text: what it loads, what it permits, what it links. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { DOCS_PAGE } from '../src/contract/docs-page.js';
import { problem, PROBLEMS, type ProblemCode } from '../src/contract/problem.js';

const { html, headers } = DOCS_PAGE;
const policy = new Map(headers).get('Content-Security-Policy') ?? '';

function between(start: string, end: string): string {
  const from = html.indexOf(start) + start.length;
  return html.slice(from, html.indexOf(end, from));
}

test('the page loads nothing from elsewhere', () => {
  assert.doesNotMatch(html, /https?:\/\/|\b(src|srcset)=|@import|url\(/);
  assert.deepEqual(
    [...html.matchAll(/href="([^"#]+)"/g)].map(([, target]) => target),
    ['data:,', 'openapi.json', 'openapi.json'],
  );
});

test('its policy permits its own script and style, and no others', () => {
  for (const [directive, text] of [
    ['script-src', between('<script>', '</script>')],
    ['style-src', between('<style>', '</style>')],
  ]) {
    assert.ok(
      policy.includes(`${directive} 'sha256-${createHash('sha256').update(text).digest('base64')}'`),
      directive,
    );
  }
  assert.match(policy, /^default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.doesNotMatch(html, /\son\w+=|\sstyle=/, 'inline handlers and styles would be refused');
});

test('its script is well-formed and writes no HTML', () => {
  const script = between('<script>', '</script>');
  assert.doesNotThrow(() => new Script(script));
  assert.doesNotMatch(script, /innerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage|sessionStorage/);
});

test('every element that the script looks up is there, and every field has a label', () => {
  for (const [, id] of html.matchAll(/byId\('([^']+)'\)/g)) assert.ok(html.includes(`id="${id}"`), id);
  const inputs = [...html.matchAll(/<input [^>]*\bid="([^"]+)"/g)].map(([, id]) => id);
  assert.ok(inputs.length > 4);
  for (const id of inputs) assert.ok(html.includes(`for="${id}"`), id);
});

test('the type of every problem leads to its explanation', () => {
  for (const code of Object.keys(PROBLEMS).filter((name): name is ProblemCode => name in PROBLEMS)) {
    const { type }: { type: string } = JSON.parse(problem(code).body);
    const [page, anchor] = type.split('#');
    assert.equal(page, '/docs');
    assert.equal(html.split(`id="${anchor}"`).length, 2, code);
  }
});

test('both explanations are choices, with a definition that belongs to them', () => {
  for (const [mode, words] of [
    ['importance', 'not a reason'],
    ['shap', 'exact TreeSHAP value'],
  ]) {
    const choice = between(`id="explain-${mode}"`, '</div>');
    assert.ok(choice.includes(`value="${mode}"`) && choice.includes(`aria-describedby="explain-${mode}-about"`), mode);
    assert.ok(choice.slice(choice.indexOf(`id="explain-${mode}-about"`)).includes(words), mode);
  }
});

test('links within the page lead to something, and the documentation is named', () => {
  for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) assert.ok(html.includes(`id="${id}"`), id);
  for (const name of ['README.md', 'docs/README.md', 'src/']) assert.ok(html.includes(`<code>${name}</code>`), name);
});
