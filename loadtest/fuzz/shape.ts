/** How far some bytes are from one request as RFC 9112 has it: which of its rules they break. */

/** A rule that is broken, or a form that is legal and rare. */
export type Trait =
  | 'no whole head'
  | 'line end'
  | 'request line'
  | 'method'
  | 'target'
  | 'absolute form'
  | 'asterisk form'
  | 'CONNECT'
  | 'HTTP/1.0'
  | 'version'
  | 'header name'
  | 'header value'
  | 'high byte around a value'
  | 'tab behind a framing value'
  | 'empty header before another'
  | 'empty Transfer-Encoding'
  | 'folded header'
  | 'rare header name'
  | 'many headers'
  | 'large head'
  | 'Host'
  | 'Content-Length'
  | 'Content-Length twice'
  | 'Transfer-Encoding'
  | 'length and coding'
  | 'Upgrade'
  | 'Connection'
  | 'chunk size'
  | 'chunk end'
  | 'chunk extension'
  | 'trailers'
  | 'no whole body'
  | 'bytes behind';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FRAMING = /^(?:content-length|transfer-encoding)$/i;
const METHODS = /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE)$/;
/** More are refused by the uWebSockets.js of Node 20. */
const MAX_HEADERS = 96;
const MAX_HEAD_BYTES = 16 * 1024;

interface Framing {
  readonly length: number | undefined;
  readonly chunked: boolean;
}

/** The traits of bytes that were sent on a connection of their own. */
export function traitsOf(bytes: Buffer): ReadonlySet<Trait> {
  const traits = new Set<Trait>();
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  if (end < 0) traits.add('no whole head');
  if (end < 0 ? text.length > MAX_HEAD_BYTES : end + 4 > MAX_HEAD_BYTES) traits.add('large head');
  const lines = head.split('\r\n');
  if (lines.some((line) => /[\r\n]/.test(line))) traits.add('line end');
  readRequestLine(lines[0], traits);
  const framing = readHeaders(lines.slice(1), traits);
  if (end >= 0) {
    const body = text.slice(end + 4);
    const bodyEnd = framing.chunked ? endOfChunks(body, traits) : (framing.length ?? 0);
    if (bodyEnd === undefined || bodyEnd > body.length) traits.add('no whole body');
    else if (bodyEnd < body.length) traits.add('bytes behind');
  }
  return traits;
}

function readRequestLine(line: string, traits: Set<Trait>): void {
  const parts = line.split(' ');
  if (parts.length !== 3) traits.add('request line');
  const [method = '', target = '', version = ''] = parts;
  if (!METHODS.test(method)) traits.add('method');
  if (method === 'CONNECT') traits.add('CONNECT');
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(target)) traits.add('absolute form');
  else if (target.startsWith('*')) traits.add('asterisk form');
  else if (!/^\/[!-~]*$/.test(target) || target.includes('#')) traits.add('target');
  if (version === 'HTTP/1.0') traits.add('HTTP/1.0');
  else if (version !== 'HTTP/1.1') traits.add('version');
}

function readHeaders(lines: readonly string[], traits: Set<Trait>): Framing {
  const values = new Map<string, string[]>();
  for (const line of lines) {
    if (/^[ \t]/.test(line)) {
      traits.add('folded header');
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (colon < 0 || !TOKEN.test(name)) traits.add('header name');
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) traits.add('header value');
    if (/^[\x80-\xff]|[\x80-\xff]$/.test(value)) traits.add('high byte around a value');
    if (line.endsWith('\t') && FRAMING.test(name)) traits.add('tab behind a framing value');
    if (/[^a-z\d-]/i.test(name)) traits.add('rare header name');
    const key = name.toLowerCase();
    if (values.get(key)?.[0] === '') traits.add('empty header before another');
    if (key === 'transfer-encoding' && value === '') traits.add('empty Transfer-Encoding');
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  if (lines.length > MAX_HEADERS) traits.add('many headers');
  if (values.get('host')?.length !== 1) traits.add('Host');
  if (values.has('upgrade')) traits.add('Upgrade');
  if (values.has('connection')) traits.add('Connection');
  return readFraming(values.get('content-length'), values.get('transfer-encoding'), traits);
}

function readFraming(
  lengths: readonly string[] | undefined,
  codings: readonly string[] | undefined,
  traits: Set<Trait>,
): Framing {
  if (lengths !== undefined && codings !== undefined) traits.add('length and coding');
  if (lengths !== undefined && lengths.length > 1) traits.add('Content-Length twice');
  if (lengths !== undefined && lengths.some((length) => !/^\d{1,15}$/.test(length))) traits.add('Content-Length');
  if (codings !== undefined && codings.join().toLowerCase() !== 'chunked') traits.add('Transfer-Encoding');
  return {
    length: lengths === undefined ? undefined : Number.parseInt(lengths[0], 10) || 0,
    chunked: codings !== undefined,
  };
}

/** Where the chunks of a body end; undefined where they do not. */
function endOfChunks(body: string, traits: Set<Trait>): number | undefined {
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at);
    const line = end < 0 ? body.slice(at) : body.slice(at, end);
    const size = /^[\da-f]{1,8}/i.exec(line)?.[0];
    if (size === undefined ? line !== '' || end >= 0 : !/^[\da-f]+(?:;[\t -~]*)?$/i.test(line))
      traits.add('chunk size');
    if (line.includes(';')) traits.add('chunk extension');
    if (end < 0 || size === undefined) return undefined;
    at = end + 2;
    const length = Number.parseInt(size, 16);
    if (length === 0) return endOfTrailers(body, at, traits);
    at += length;
    if (at + 2 > body.length) return undefined;
    if (body.slice(at, at + 2) !== '\r\n') {
      traits.add('chunk end');
      return undefined;
    }
    at += 2;
  }
}

function endOfTrailers(body: string, start: number, traits: Set<Trait>): number | undefined {
  if (body.startsWith('\r\n', start)) return start + 2;
  if (/^(?:\r?$|\r[^\n]|\n)/.test(body.slice(start, start + 2))) traits.add('chunk end');
  else traits.add('trailers');
  const end = body.indexOf('\r\n\r\n', start);
  return end < 0 ? undefined : end + 4;
}
