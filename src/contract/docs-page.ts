/**
 * The `/docs` page: the routes, a form to try them, and all problems. It loads nothing but `/openapi.json`, and scores
 * the example row when it opens, unless that needs a key.
 */
import { createHash } from 'node:crypto';
import { SCRIPT } from './docs/script.js';
import { STYLE } from './docs/style.js';
import { problemAnchor, PROBLEMS, type ProblemCode } from './problem.js';
import { DEFAULT_TOP_K, MAX_TOP_K, type ScoreQuery } from './query.js';
import { SCHEMA_LIMITS } from './schemas.js';
import { escapeHtml } from '../html.js';

export interface DocsPage {
  readonly html: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

function problemRow(code: ProblemCode): string {
  const { status, title, detail } = PROBLEMS[code];
  const explanation = `<dd>${escapeHtml(title)}</dd><dd class="quiet">${escapeHtml(detail)}</dd>`;
  return `<div id="${problemAnchor(code)}"><dt>${status}</dt>${explanation}</div>`;
}

interface ExplanationChoice {
  /** As the query parameter `explain` has it. */
  readonly mode: ScoreQuery['explain'];
  readonly name: string;
  /** What `contribution` is in this mode. */
  readonly definition: string;
}

const CHOICES: readonly ExplanationChoice[] = [
  {
    mode: 'importance',
    name: 'Importance ranking',
    definition:
      'The contribution is the absolute value of the feature times the number of splits that use it. It has no sign ' +
      "and depends on the feature's unit: a cheap ranking, not a reason for the score.",
  },
  {
    mode: 'shap',
    name: 'Exact SHAP',
    definition:
      "The contribution is the feature's exact TreeSHAP value: how far it raises (+) or lowers (\u2212) the raw " +
      "score of this row from the model's mean over its training rows. It needs more CPU.",
  },
];

function explanationChoice({ mode, name, definition }: ExplanationChoice): string {
  const about = `explain-${mode}-about`;
  return `<div class="mode">
<input type="radio" name="explain" id="explain-${mode}" value="${mode}" aria-describedby="${about}">
<label for="explain-${mode}">${name}</label>
<p class="quiet" id="${about}">${definition}</p>
</div>`;
}

const codes = Object.keys(PROBLEMS).filter((code): code is ProblemCode => code in PROBLEMS);

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lightscore</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#try">Skip to the form</a>
<header>
<h1>Lightscore</h1>
<span class="quiet" id="version"></span>
<span class="quiet" id="about" role="status">Reading the routes…</span>
<nav aria-label="On this page and elsewhere">
<a href="#try">Try it</a>
<a href="#routes-heading">Routes</a>
<a href="#problems">Problems</a>
<a href="openapi.json">OpenAPI document</a>
<a href="#documentation">Documentation and source</a>
</nav>
</header>
<main>
<h2 id="try">Try it</h2>
<div class="columns">
<form class="card" id="score-form">
<div id="fields"></div>
<div class="options">
<div id="id-field"><label for="request-id">request_id</label>
<input id="request-id" maxlength="${SCHEMA_LIMITS.requestIdLength}" autocomplete="off"></div>
<div><label for="top-k">Top features</label>
<input id="top-k" type="number" min="1" max="${MAX_TOP_K}" value="${DEFAULT_TOP_K}" required></div>
<div><label for="key">API key, if the server requires one</label>
<input id="key" type="password" autocomplete="off"></div>
</div>
<fieldset class="modes">
<legend>Explanation</legend>
${CHOICES.map(explanationChoice).join('\n')}
</fieldset>
<button id="score-button" disabled>Score</button>
</form>
<section class="card" aria-label="Answer" aria-live="polite" id="answer">
<p class="quiet">The answer appears here.</p></section>
</div>
<h2 id="routes-heading">Routes</h2>
<div class="card" id="routes"></div>
<h2 id="problems">Problems</h2>
<p class="quiet">Every error response is <code>application/problem+json</code> (RFC 9457).
Its <code>type</code> is a link to one of these entries.</p>
<dl class="card problems">
${codes.map(problemRow).join('\n')}
</dl>
<h2 id="documentation">Documentation and source</h2>
<p>Both are in Lightscore's repository: <code>README.md</code> is the way in, <code>docs/README.md</code> the list of
all pages, <code>src/</code> the source. For programs, <a href="openapi.json">/openapi.json</a> describes every route
of this server.</p>
</main>
<footer><noscript>The form needs JavaScript.</noscript></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

// The page runs only its own script and style, loads nothing from elsewhere, and calls only this server.
const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src ${sha256(SCRIPT)}`,
  `style-src ${sha256(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page is the same for every model; what depends on the model comes from `/openapi.json`. */
export const DOCS_PAGE: DocsPage = {
  html,
  headers: [
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Content-Security-Policy', contentSecurityPolicy],
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'no-referrer'],
    ['Cache-Control', 'no-cache'],
  ],
};
