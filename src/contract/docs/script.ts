/**
 * The script of the `/docs` page: it draws the form and the routes from `/openapi.json`.
 *
 * What comes from the server or a field is only ever put in as text. The API key stays in its field: it is neither
 * stored nor shown in the curl line.
 */
export const SCRIPT = String.raw`
'use strict';
const byId = (id) => document.getElementById(id);
// More inputs than this are a wall: such a model gets one text field.
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

// Sends one request, and shows status, time, answer and the curl line in the given place.
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
        element('span', { class: 'quiet' }, ms.toFixed(1) + ' ms, the browser included')),
      ...(json && json.confidence_score !== undefined ? scoreView(json) : []),
      element('h3', {}, 'Answer'), element('pre', { tabindex: '0', 'aria-label': 'Answer' }, shown(type, text)));
  } catch (error) {
    place.replaceChildren(element('p', { class: 'bad' }, 'No answer: ' + error.message));
  } finally {
    button.disabled = false;
  }
  place.append(
    element('div', { class: 'line' }, element('h3', {}, 'The same with curl'),
      // Browsers have no clipboard on plain HTTP, but for localhost.
      navigator.clipboard ? element('button', { type: 'button', class: 'plain', click: (event) => copy(event.target, curl) }, 'Copy') : undefined),
    element('pre', { class: 'wrapped', tabindex: '0', 'aria-label': 'curl command' }, curl));
}

function copy(button, text) {
  navigator.clipboard.writeText(text).then(() => { button.textContent = 'Copied'; }, () => { button.textContent = 'Not allowed'; });
}

// Indented JSON with each array of plain values on one line.
function compact(value) {
  return JSON.stringify(value, null, 2).replace(/\[\s+([^\[\]{}]*?)\s+\]/g, (array, items) => '[' + items.replace(/,\n\s*/g, ', ') + ']');
}

function scoreView(answer) {
  const number = (value) => (value === null ? 'missing' : String(Math.round(value * 1e6) / 1e6));
  return [
    element('p', { class: 'score' }, answer.confidence_score.toFixed(4)),
    element('meter', { min: '0', max: '1', value: String(answer.confidence_score), 'aria-label': 'Confidence score' }),
    element('table', {},
      element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Top feature'), element('th', { scope: 'col', class: 'number' }, 'Value'), element('th', { scope: 'col', class: 'number' }, 'Contribution'))),
      element('tbody', {}, ...answer.top_features.map((feature) =>
        element('tr', {}, element('td', {}, feature.feature_name), element('td', { class: 'number' }, number(feature.feature_value)), element('td', { class: 'number' }, number(feature.contribution))))))];
}

function drawForm(example) {
  const form = byId('score-form');
  const request = example || { features: [], feature_names: [], request_id: 'test-123' };
  const names = request.feature_names;
  const small = names.length > 0 && names.length <= MAX_INPUTS;
  const inputs = small ? names.map((name, i) => element('input', { type: 'number', step: 'any', placeholder: 'missing', value: request.features[i] === null ? '' : String(request.features[i]), id: 'feature-' + i })) : [];
  const text = element('textarea', { id: 'body', spellcheck: 'false' }, compact(request));
  byId('fields').replaceChildren(small
    ? element('fieldset', {}, element('legend', {}, names.length + ' features'),
      element('p', { class: 'quiet' }, 'An empty field is a missing value.'),
      element('div', { class: 'features' }, ...names.map((name, i) => element('div', {}, element('label', { for: 'feature-' + i }, name), inputs[i]))))
    : element('div', {}, element('label', { for: 'body' }, 'Body'), text));
  byId('id-field').hidden = !small;
  byId('request-id').value = request.request_id;
  const body = () => {
    if (!small) return text.value;
    const id = byId('request-id').value;
    return JSON.stringify({ features: inputs.map((input) => (input.value === '' ? null : Number(input.value))), feature_names: names, ...(id ? { request_id: id } : {}) });
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    if (byId('shap').checked) query.set('explain', 'shap');
    if (byId('top-k').value !== '3') query.set('top_k', byId('top-k').value);
    send(byId('answer'), byId('score-button'), 'POST', '/score' + (query.size ? '?' + query : ''), body());
  };
  byId('score-button').disabled = false;
}

function routeView(path, method, operation) {
  const media = operation.requestBody && operation.requestBody.content['application/json'];
  const id = 'body-' + operation.operationId;
  const field = media && element('textarea', { id, spellcheck: 'false' }, compact(media.example || {}));
  const answer = element('div', { 'aria-live': 'polite' });
  const button = element('button', { type: 'button', click: () => send(answer, button, method.toUpperCase(), path, field && field.value) }, 'Send');
  const parameters = operation.parameters || [];
  return element('details', {},
    element('summary', {}, element('span', { class: 'method' }, method.toUpperCase()), element('code', {}, path), element('span', {}, operation.summary)),
    element('div', {},
      operation.description ? element('p', {}, operation.description) : undefined,
      element('p', { class: 'quiet' }, operation.security.length ? 'Asks for an API key.' : 'Open: no API key needed.'),
      parameters.length ? element('h3', {}, 'Parameters') : undefined,
      parameters.length ? element('table', {}, element('tbody', {}, ...parameters.map((parameter) => element('tr', {}, element('th', { scope: 'row' }, element('code', {}, parameter.name)), element('td', {}, parameter.description))))) : undefined,
      element('h3', {}, 'Answers'),
      element('table', {}, element('tbody', {}, ...Object.entries(operation.responses).map(([status, response]) => element('tr', {}, element('th', { scope: 'row' }, status), element('td', {}, response.description))))),
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
  drawForm(api.paths['/score'].post.requestBody.content['application/json'].example);
  byId('routes').replaceChildren(...Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => routeView(path, method, operation))));
}

start().catch((error) => {
  byId('about').textContent = 'The routes could not be read: ' + error.message;
  byId('about').className = 'bad';
});
`;
