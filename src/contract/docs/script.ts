/**
 * The script of the `/docs` page: it builds the form and the list of routes from `/openapi.json`.
 *
 * Data from the server or a field is inserted only as text, never as HTML. The API key is neither stored nor shown in
 * the curl command.
 */
export const SCRIPT = String.raw`
'use strict';
const byId = (id) => document.getElementById(id);
// A model with more features gets one text field for the body instead of an input for each feature.
const MAX_INPUTS = 64;

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

function curlLine(method, url, body, key) {
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const parts = ['curl'];
  if (method !== 'GET') parts.push('-X', method);
  parts.push(quote(new URL(url, location.href).href));
  if (key) parts.push('-H', '"X-API-Key: $LIGHTSCORE_KEY"');
  if (body !== undefined) parts.push('-H', quote('Content-Type: application/json'), '-d', quote(body));
  return parts.join(' ');
}

function shown(type, text) {
  if (!/json/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    return text;
  }
}

async function call(method, url, body) {
  const key = byId('key').value;
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['X-API-Key'] = key;
  const started = performance.now();
  const response = await fetch(url, { method, headers, body, cache: 'no-store' });
  const text = await response.text();
  return { response, text, type: response.headers.get('Content-Type') || '', ms: performance.now() - started };
}

// Sends one request, and shows status, time, answer and the curl command in the given element.
async function send(place, button, method, url, body) {
  button.disabled = true;
  const curl = curlLine(method, url, body, byId('key').value);
  let json;
  try {
    const { response, text, type, ms } = await call(method, url, body);
    if (response.ok && /json/.test(type)) json = JSON.parse(text);
    place.replaceChildren(
      element('p', { class: 'line' },
        element('span', { class: response.ok ? 'good' : 'bad' }, response.status + ' ' + response.statusText),
        element('span', { class: 'quiet' }, ms.toFixed(1) + ' ms in the browser')),
      ...(json && json.confidence_score !== undefined ? scoreView(json) : []),
      element('h3', {}, 'Answer'), element('pre', { tabindex: '0', 'aria-label': 'Answer' }, shown(type, text)));
  } catch (error) {
    place.replaceChildren(element('p', { class: 'bad' }, 'No answer: ' + error.message));
  } finally {
    button.disabled = false;
  }
  // Browsers offer the clipboard only over HTTPS and on localhost.
  const copyButton = navigator.clipboard
    ? element('button', { type: 'button', class: 'plain', click: (event) => copy(event.target, curl) }, 'Copy')
    : undefined;
  place.append(
    element('div', { class: 'line' }, element('h3', {}, 'The same with curl'), copyButton),
    element('pre', { class: 'wrapped', tabindex: '0', 'aria-label': 'curl command' }, curl));
}

function copy(button, text) {
  navigator.clipboard.writeText(text).then(
    () => { button.textContent = 'Copied'; },
    () => { button.textContent = 'Not allowed'; });
}

// Indented JSON with each array of plain values on one line.
function compact(value) {
  const onOneLine = (array, items) => '[' + items.replace(/,\n\s*/g, ', ') + ']';
  return JSON.stringify(value, null, 2).replace(/\[\s+([^\[\]{}]*?)\s+\]/g, onOneLine);
}

function tableRow(cell, texts, attributes) {
  return element('tr', {}, ...texts.map((text, i) =>
    element(cell, { ...attributes, class: i === 0 ? undefined : 'number' }, text)));
}

function scoreView(answer) {
  const number = (value) => (value === null ? 'missing' : String(Math.round(value * 1e6) / 1e6));
  return [
    element('p', { class: 'score' }, answer.confidence_score.toFixed(4)),
    element('meter', { min: '0', max: '1', value: String(answer.confidence_score), 'aria-label': 'Confidence score' }),
    element('table', {},
      element('thead', {}, tableRow('th', ['Top feature', 'Value', 'Contribution'], { scope: 'col' })),
      element('tbody', {}, ...answer.top_features.map((feature) =>
        tableRow('td', [feature.feature_name, number(feature.feature_value), number(feature.contribution)]))))];
}

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

function showForm(operation) {
  const { example } = operation.requestBody.content['application/json'];
  const defaultRanking = operation.parameters.find(({ name }) => name === 'explain').schema.default;
  byId('shap').checked = defaultRanking === 'shap';
  const form = byId('score-form');
  const request = example || { features: [], feature_names: [], request_id: 'test-123' };
  const names = request.feature_names;
  const small = names.length > 0 && names.length <= MAX_INPUTS;
  const inputs = small ? request.features.map(featureInput) : [];
  const text = element('textarea', { id: 'body', spellcheck: 'false' }, compact(request));
  byId('fields').replaceChildren(small
    ? featureFields(names, inputs)
    : element('div', {}, element('label', { for: 'body' }, 'Body'), text));
  byId('id-field').hidden = !small;
  byId('request-id').value = request.request_id;
  const body = () => {
    if (!small) return text.value;
    const features = inputs.map((input) => (input.value === '' ? null : Number(input.value)));
    const id = byId('request-id').value;
    return JSON.stringify({ features, feature_names: names, ...(id ? { request_id: id } : {}) });
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    const ranking = byId('shap').checked ? 'shap' : 'importance';
    if (ranking !== defaultRanking) query.set('explain', ranking);
    if (byId('top-k').value !== '3') query.set('top_k', byId('top-k').value);
    send(byId('answer'), byId('score-button'), 'POST', '/score' + (query.size ? '?' + query : ''), body());
  };
  byId('score-button').disabled = false;
}

function definitions(rows) {
  return element('table', {}, element('tbody', {}, ...rows.map(([term, definition]) =>
    element('tr', {}, element('th', { scope: 'row' }, term), element('td', {}, definition)))));
}

function routeView(path, method, operation) {
  const media = operation.requestBody && operation.requestBody.content['application/json'];
  const id = 'body-' + operation.operationId;
  const field = media && element('textarea', { id, spellcheck: 'false' }, compact(media.example || {}));
  const answer = element('div', { 'aria-live': 'polite' });
  const click = () => send(answer, button, method.toUpperCase(), path, field && field.value);
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
      element('p', { class: 'quiet' }, operation.security.length ? 'Requires an API key.' : 'No API key required.'),
      parameters.length ? element('h3', {}, 'Parameters') : undefined,
      parameters.length ? definitions(parameters) : undefined,
      element('h3', {}, 'Answers'),
      definitions(responses),
      element('h3', {}, 'Try it'),
      field && element('label', { for: id }, 'Body'), field,
      element('p', {}, button), answer));
}

async function start() {
  const { response, text } = await call('GET', '/openapi.json');
  if (!response.ok) throw new Error('/openapi.json answered ' + response.status);
  const api = JSON.parse(text);
  byId('version').textContent = api.info.version;
  byId('about').textContent = api.info.description;
  showForm(api.paths['/score'].post);
  const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => routeView(path, method, operation)));
  byId('routes').replaceChildren(...routes);
}

start().catch((error) => {
  byId('about').textContent = 'The routes could not be loaded: ' + error.message;
  byId('about').className = 'bad';
});
`;
