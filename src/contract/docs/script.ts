/**
 * The script of the `/docs` page: it builds the form and the list of routes from `/openapi.json`, and scores the
 * example row. Data from the server is inserted only as text, never as HTML.
 */
import { ANSWER_SCRIPT } from './answer-script.js';

export const SCRIPT = String.raw`
'use strict';
const byId = (id) => document.getElementById(id);
// A model with more features gets one text field for the body instead of an input for each feature.
const MAX_INPUTS = 64;
// By which the log tells this page's rows from others.
const EXAMPLE_ID = 'docs-page';
${ANSWER_SCRIPT}
function featureInput(value, i) {
  const text = value === null ? '' : String(value);
  return element('input', { type: 'number', step: 'any', placeholder: 'missing', value: text, id: 'feature-' + i });
}

function featureFields(names, inputs) {
  const fields = names.map((name, i) => element('div', {}, element('label', { for: 'feature-' + i }, name), inputs[i]));
  return element('fieldset', {}, element('legend', {}, names.length + ' features'),
    element('p', { class: 'quiet' }, 'An empty field is a missing value.'),
    element('div', { class: 'features' }, ...fields));
}

// Marks the server's default among the choices, and returns the query that the form asks for.
function explanationQuery(parameters) {
  const { schema } = parameters.find(({ name }) => name === 'explain');
  const usual = schema.default || 'importance';
  byId('explain-' + usual).checked = true;
  document.querySelector('label[for=explain-' + usual + ']').append(' (default)');
  return () => {
    const query = new URLSearchParams();
    const { value: mode } = [...document.querySelectorAll('input[name=explain]')].find(({ checked }) => checked);
    if (mode !== usual) query.set('explain', mode);
    if (byId('top-k').value !== byId('top-k').defaultValue) query.set('top_k', byId('top-k').value);
    return query.size ? '?' + query : '';
  };
}

// Returns what the form holds, as the body of a request.
function formBody(example) {
  const request = example || { features: [], feature_names: [] };
  const names = request.feature_names;
  const small = names.length > 0 && names.length <= MAX_INPUTS;
  byId('id-field').hidden = !small;
  byId('request-id').value = EXAMPLE_ID;
  if (!small) {
    const whole = compact({ ...request, request_id: EXAMPLE_ID });
    const text = element('textarea', { id: 'body', spellcheck: 'false' }, whole);
    byId('fields').replaceChildren(element('div', {}, element('label', { for: 'body' }, 'Body'), text));
    return () => text.value;
  }
  const inputs = request.features.map(featureInput);
  byId('fields').replaceChildren(featureFields(names, inputs));
  return () => {
    const features = inputs.map((input) => (input.value === '' ? null : Number(input.value)));
    const id = byId('request-id').value;
    return JSON.stringify({ features, feature_names: names, ...(id ? { request_id: id } : {}) });
  };
}

function showForm(operation) {
  const example = operation.requestBody.content['application/json'].example;
  const body = formBody(example);
  const query = explanationQuery(operation.parameters);
  const request = () => ({ method: 'POST', url: 'score' + query(), body: body() });
  const score = (note) => send(byId('answer'), byId('score-button'), request(), note);
  byId('score-form').onsubmit = (event) => {
    event.preventDefault();
    score();
  };
  byId('score-button').disabled = false;
  const say = (text) => byId('answer').replaceChildren(element('p', { class: 'quiet' }, text));
  if (!example) say('No model is served yet, so there is no example to score.');
  else if (operation.security.length) say('This server requires an API key: enter one, and press Score.');
  else score('The row on this page, scored when the page was opened.');
}

function definitions(rows) {
  return element('table', {}, element('tbody', {}, ...rows.map(([term, definition]) =>
    element('tr', {}, element('th', { scope: 'row' }, term), element('td', {}, definition)))));
}

// A labelled input for a parameter; its name tells where the value goes.
function parameterField(operationId, { name, in: where, required = false, schema }) {
  const id = operationId + '-' + name;
  const placeholder = schema.default === undefined ? (required ? 'required' : 'not sent') : String(schema.default);
  const input = schema.enum
    ? element('select', { id },
      element('option', { value: '' }, 'not sent'), ...schema.enum.map((value) => element('option', { value }, value)))
    : element('input', { id, placeholder, autocomplete: 'off', required });
  const label = element('label', { for: id }, name + ' (' + where + ')');
  return { name, where, input, required, place: element('div', {}, label, input) };
}

// Paths are relative to this page, which may be below a prefix.
function requestOf(path, fields) {
  const query = new URLSearchParams();
  const headers = {};
  let url = path.slice(1);
  for (const { name, where, input: { value } } of fields) {
    if (where === 'path') url = url.replace('{' + name + '}', encodeURIComponent(value));
    else if (value !== '' && where === 'query') query.set(name, value);
    else if (value !== '') headers[name] = value;
  }
  return { url: query.size ? url + '?' + query : url, headers };
}

// Which keys a route takes, in a sentence.
function keysOf({ security }) {
  const takes = (scheme) => security.some((alternative) => scheme in alternative);
  if (takes('apiKey') && takes('adminKey')) return 'Requires an API key or an admin key.';
  if (takes('adminKey')) return 'Requires an admin key.';
  return takes('apiKey') ? 'Requires an API key.' : 'No API key required.';
}

function routeView(path, method, operation, alsoHead) {
  const media = operation.requestBody && operation.requestBody.content['application/json'];
  const id = 'body-' + operation.operationId;
  const field = media && element('textarea', { id, spellcheck: 'false' }, compact(media.example || {}));
  const answer = element('div', { 'aria-live': 'polite' });
  const fields = (operation.parameters || []).map((parameter) => parameterField(operation.operationId, parameter));
  const click = () => {
    const missing = fields.find(({ input, required }) => required && input.value === '');
    if (missing) return missing.input.focus();
    const request = { method: method.toUpperCase(), ...requestOf(path, fields), body: field && field.value };
    return send(answer, button, request);
  };
  const button = element('button', { type: 'button', click }, 'Send');
  const parameters = (operation.parameters || []).map(({ name, description }) =>
    [element('code', {}, name), description]);
  const responses = Object.entries(operation.responses).map(([status, { description }]) => [status, description]);
  return element('details', {},
    element('summary', {},
      element('span', { class: 'method' }, method.toUpperCase()),
      element('code', {}, path),
      element('span', {}, operation.summary)),
    element('div', {},
      operation.description ? element('p', {}, operation.description) : undefined,
      element('p', { class: 'quiet' }, keysOf(operation) + (alsoHead ? ' HEAD answers the same headers.' : '')),
      parameters.length ? element('h3', {}, 'Parameters') : undefined,
      parameters.length ? definitions(parameters) : undefined,
      element('h3', {}, 'Answers'),
      definitions(responses),
      element('h3', {}, 'Try it'),
      ...fields.map(({ place }) => place),
      field && element('label', { for: id }, 'Body'), field,
      element('p', {}, button), answer));
}

async function start() {
  const { response, text } = await call('GET', 'openapi.json');
  if (!response.ok) throw new Error('openapi.json answered ' + response.status);
  const api = JSON.parse(text);
  byId('version').textContent = api.info.version;
  byId('about').textContent = api.info.description;
  showForm(api.paths['/score'].post);
  const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([method]) => method !== 'head').map(([method, operation]) =>
      routeView(path, method, operation, method === 'get' && 'head' in methods)));
  byId('routes').replaceChildren(...routes);
}

start().catch((error) => {
  byId('about').textContent = 'The routes could not be loaded: ' + error.message;
  byId('about').className = 'bad';
});
`;
