/**
 * The part of the `/docs` page's script that sends a request and shows its answer.
 *
 * Data from the server or a field is inserted only as text, never as HTML. The API key is neither stored nor shown in
 * the curl command.
 */
export const ANSWER_SCRIPT = String.raw`
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...present(children));
  return made;
}

// A block of text in a fixed-width font, which scrolls where it is long and so must take the focus.
function code(label, text) {
  return element('pre', { tabindex: '0', role: 'region', 'aria-label': label }, text);
}

function present(children) {
  return children.filter((child) => child !== undefined);
}

function curlLine(method, url, body, key, extra) {
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const parts = ['curl'];
  if (method !== 'GET') parts.push('-X', method);
  parts.push(quote(new URL(url, location.href).href));
  if (key) parts.push('-H', '"X-API-Key: $LIGHTSCORE_KEY"');
  for (const [name, value] of Object.entries(extra)) parts.push('-H', quote(name + ': ' + value));
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

// The page may be below a prefix that a proxy takes away.
function fromHere(relative) {
  const url = new URL(relative, location.href);
  return url.pathname + url.search;
}

async function call(method, url, body, extra) {
  const key = byId('key').value;
  const headers = { ...extra };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['X-API-Key'] = key;
  const started = performance.now();
  const response = await fetch(fromHere(url), { method, headers, body, cache: 'no-store' });
  const text = await response.text();
  return { response, text, type: response.headers.get('Content-Type') || '', ms: performance.now() - started };
}

// Sends one request, and shows status, time, answer and the curl command in the given element. A note says why it
// was sent, where no one asked for it.
async function send(place, button, { method, url, body, headers = {} }, note) {
  button.disabled = true;
  const curl = curlLine(method, url, body, byId('key').value, headers);
  let json;
  try {
    const { response, text, type, ms } = await call(method, url, body, headers);
    if (response.ok && /json/.test(type)) json = JSON.parse(text);
    place.replaceChildren(...present([
      element('p', { class: 'line' },
        element('span', { class: response.ok ? 'good' : 'bad' }, response.status + ' ' + response.statusText),
        element('span', { class: 'quiet' }, ms.toFixed(1) + ' ms in the browser')),
      note && element('p', { class: 'quiet' }, note),
      ...(json && json.confidence_score !== undefined ? scoreView(json) : []),
      element('h3', {}, 'Answer'), code('Answer', shown(type, text))]));
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
    code('curl command', curl));
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
  const signed = (value) => (value > 0 ? '+' : '') + number(value).replace('-', '\u2212');
  // Only SHAP values have a mean that they start from.
  const mean = answer.expected_value;
  const method = mean === undefined
    ? 'Ranked by importance: contribution is |value × splits|, which is no reason for the score.'
    : 'Ranked by SHAP: contribution is what the feature adds to the raw score, from a mean of ' + signed(mean) + '.';
  return [
    element('p', { class: 'score' }, answer.confidence_score.toFixed(4)),
    element('meter', { min: '0', max: '1', value: String(answer.confidence_score), 'aria-label': 'Confidence score' }),
    element('p', { class: 'quiet' },
      'Calibrated score of model ' + answer.model_version + ', calibration ' + answer.calibration_version),
    element('table', {},
      element('thead', {}, tableRow('th', ['Top feature', 'Value', 'Splits', 'Contribution'], { scope: 'col' })),
      element('tbody', {}, ...answer.top_features.map((feature) => tableRow('td', [
        feature.feature_name, number(feature.feature_value), number(feature.importance),
        mean === undefined ? number(feature.contribution) : signed(feature.contribution)])))),
    element('p', { class: 'quiet' }, method)];
}
`;
