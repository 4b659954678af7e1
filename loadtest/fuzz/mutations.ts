/** Requests that were right, and then changed at random: each from a seed of its own, so that it can be had again. */
import { gzipSync } from 'node:zlib';
import { Random } from '../../src/train/random.js';
import type { Golden } from '../../test/support/golden.js';

export interface MutatedRequest {
  readonly bytes: Buffer;
  /** What was done to it, in order. */
  readonly mutations: readonly string[];
}

/** A request in parts, before it is put together and changed byte by byte. */
interface Parts {
  method: string;
  target: string;
  version: string;
  headers: string[];
  /** Framed already. */
  body: Buffer;
  /** What follows in the same bytes. */
  behind: string;
}

const TARGETS = [
  '/livez?x=1',
  '/nowhere',
  '*',
  'http://test/livez',
  'http://test:80/score?top_k=2',
  'test:80',
  '/%73core',
  '//score',
  '/score/',
  '/score?explain=shap',
  '/score?a=%zz',
  '',
  '/score#x',
  '/sc ore',
  '/é',
];
const METHODS = ['GET', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'TRACE', 'CONNECT', 'post', 'BREW', '', 'PO ST'];
const VERSIONS = ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1', 'http/1.1', 'HTTPS/1.1', ''];
const HEADERS = [
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: -1',
  'Content-Length: 0x10',
  'Content-Length: 99999999999999999999',
  'Content-Length:',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: \tchunked',
  'Transfer-Encoding : chunked',
  'Expect: 100-continue',
  'Expect: 100-Continue',
  'Expect: 200-ok',
  'Expect:',
  'Content-Encoding: gzip',
  'Content-Encoding: br',
  'Content-Encoding: zstd',
  'Content-Encoding: identity',
  'Content-Type: text/plain',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: h2c',
  'X-Request-ID: fuzz',
  'X-Request-ID: \x01',
  `X-Request-ID: ${'i'.repeat(300)}`,
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'Host: other',
  'Host:',
  'user_id: 7',
  'X.Y: 7',
  'X-Obs: a\r\n folded',
  'no colon',
  ': no name',
  'X-Nul: \0',
  'X-High: \xff',
  `X-Long: ${'y'.repeat(5000)}`,
  `X-Longer: ${'y'.repeat(20_000)}`,
];
/** Bytes that mean something to a parser of HTTP or of JSON. */
const TOKENS = [
  '\r\n',
  '\r',
  '\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '-',
  '"',
  '{',
  '[',
  '\xff',
  '0\r\n\r\n',
];
const BEHIND = [
  'GET /livez HTTP/1.1\r\nHost: test\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{}',
  '\r\n',
  'x',
];

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];

function chunked(random: Random, body: Buffer): Buffer {
  const pieces: (string | Buffer)[] = [];
  for (let at = 0; at < body.length;) {
    const size = 1 + random.below(body.length - at);
    const extension = random.chance(0.1) ? ';a=b' : '';
    pieces.push(`${size.toString(16)}${extension}\r\n`, body.subarray(at, at + size), '\r\n');
    at += size;
  }
  pieces.push(random.chance(0.1) ? '0\r\nX-Sum: 1\r\n\r\n' : '0\r\n\r\n');
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

function rightRequest(random: Random, { rows, feature_names }: Golden): Parts {
  const parts: Parts = {
    method: 'POST',
    target: '/score',
    version: 'HTTP/1.1',
    headers: ['Host: test'],
    body: Buffer.alloc(0),
    behind: '',
  };
  if (random.chance(0.1)) return { ...parts, method: 'GET', target: pick(random, ['/livez', '/healthz', '/metrics']) };
  const item = (): object => ({
    features: pick(random, rows),
    ...(random.chance(0.3) && { feature_names }),
    // Never a time of day: both transports are to answer alike.
    request_id: `fuzz-${random.bits()}`,
  });
  const isBatch = random.chance(0.2);
  const json = Buffer.from(JSON.stringify(isBatch ? [item(), item()] : item()));
  const isCompressed = random.chance(0.1);
  const body = isCompressed ? gzipSync(json) : json;
  const isChunked = random.chance(0.35);
  return {
    ...parts,
    target: isBatch ? '/score_batch' : '/score',
    headers: [
      ...parts.headers,
      'Content-Type: application/json',
      ...(isCompressed ? ['Content-Encoding: gzip'] : []),
      isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`,
    ],
    body: isChunked ? chunked(random, body) : body,
  };
}

const PART_MUTATIONS: Readonly<Record<string, (random: Random, parts: Parts) => void>> = {
  'another header': (random, { headers }) =>
    void headers.splice(random.below(headers.length + 1), 0, pick(random, HEADERS)),
  'a header less': (random, { headers }) => void headers.splice(random.below(headers.length), 1),
  'a header twice': (random, { headers }) => void headers.push(pick(random, headers)),
  'many headers': (random, { headers }) => {
    const count = 1 + random.below(200);
    for (let i = 0; i < count; i++) headers.push(`X-${i}: ${i}`);
  },
  'another method': (random, parts) => void (parts.method = pick(random, METHODS)),
  'another target': (random, parts) => void (parts.target = pick(random, TARGETS)),
  'another version': (random, parts) => void (parts.version = pick(random, VERSIONS)),
  'something behind it': (random, parts) => void (parts.behind = pick(random, BEHIND)),
};

const BYTE_MUTATIONS: Readonly<Record<string, (random: Random, bytes: Buffer) => Buffer>> = {
  'a byte changed': (random, bytes) => {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  'bytes taken out': (random, bytes) => {
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]);
  },
  'bytes twice': (random, bytes) => {
    const at = random.below(bytes.length);
    const piece = bytes.subarray(at, at + 1 + random.below(40));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  'a token put in': (random, bytes) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(random, TOKENS), 'latin1'), bytes.subarray(at)]);
  },
  'cut off': (random, bytes) => bytes.subarray(0, random.below(bytes.length)),
};

/** A request that was right, with one to three changes. */
export function mutatedRequest(seed: number, golden: Golden): MutatedRequest {
  const random = new Random(seed);
  const parts = rightRequest(random, golden);
  const mutations: string[] = [];
  const ofBytes: string[] = [];
  const count = 1 + random.below(3);
  for (let i = 0; i < count; i++) {
    if (random.chance(0.6)) {
      const name = pick(random, Object.keys(PART_MUTATIONS));
      PART_MUTATIONS[name](random, parts);
      mutations.push(name);
    } else ofBytes.push(pick(random, Object.keys(BYTE_MUTATIONS)));
  }
  const { method, target, version, headers, body, behind } = parts;
  const head = `${[`${method} ${target} ${version}`, ...headers].join('\r\n')}\r\n\r\n`;
  let bytes: Buffer = Buffer.concat([Buffer.from(head, 'latin1'), body, Buffer.from(behind)]);
  for (const name of ofBytes) if (bytes.length > 0) bytes = BYTE_MUTATIONS[name](random, bytes);
  return { bytes, mutations: [...mutations, ...ofBytes] };
}
