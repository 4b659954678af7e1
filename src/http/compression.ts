/** Compressed bodies: inflates those of requests within their limit, and compresses large answers on request. */
import { brotliCompress, brotliDecompress, constants, gunzip, gzip, inflate } from 'node:zlib';
import type { Answer } from './answer.js';

/** Content codings of requests, for `Accept-Encoding` of a 415. */
export const REQUEST_CODINGS = 'gzip, deflate, br';

/** Smaller answers are sent as they are. */
export const MIN_COMPRESSED_BYTES = 1024;
const BROTLI_QUALITY = 4;

export type Coding = 'gzip' | 'deflate' | 'br';

/** The coding of a request's body; `identity` where it has none, undefined where it is none that is known here. */
export function codingOf(contentEncoding: string): Coding | 'identity' | undefined {
  switch (contentEncoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    case 'br':
      return 'br';
    default:
      return undefined;
  }
}

export type Inflated = { readonly bytes: Buffer } | { readonly refused: 'too large' | 'damaged' };

/** Inflates a body, off this thread. @param maxBytes of what it holds */
export function inflateBody(coding: Coding, body: Buffer, maxBytes: number, done: (inflated: Inflated) => void): void {
  const options = { maxOutputLength: maxBytes };
  const inflated = (error: NodeJS.ErrnoException | null, bytes: Buffer): void => {
    if (error === null) done({ bytes });
    else done({ refused: error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'damaged' });
  };
  if (coding === 'gzip') gunzip(body, options, inflated);
  else if (coding === 'deflate') inflate(body, options, inflated);
  else brotliDecompress(body, options, inflated);
}

/** Compresses an answer, off this thread, and hands it on. */
export type Encoder = (answer: Answer, done: (encoded: Answer) => void) => void;

const encodeGzip: Encoder = (answer, done) => {
  gzip(answer.body, (error, bytes) => done(error === null ? encoded(answer, bytes, 'gzip') : answer));
};

const encodeBrotli: Encoder = (answer, done) => {
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  brotliCompress(answer.body, { params }, (error, bytes) => {
    done(error === null ? encoded(answer, bytes, 'br') : answer);
  });
};

function encoded(answer: Answer, body: Buffer, coding: string): Answer {
  const headers = [...answer.headers, ['Content-Encoding', coding] as const, ['Vary', 'Accept-Encoding'] as const];
  return { ...answer, body, headers };
}

/** The encoder for what a client accepts; undefined where that is nothing known here. */
export function encoderFor(acceptEncoding: string): Encoder | undefined {
  const accepted = new Map<string, number>();
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [coding, ...parameters] = part.split(';').map((each) => each.trim());
    const weight = parameters.find((each) => each.startsWith('q='));
    accepted.set(coding, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const weightOf = (coding: string): number => accepted.get(coding) ?? accepted.get('*') ?? 0;
  if (weightOf('gzip') <= 0 && weightOf('br') <= 0) return undefined;
  return weightOf('br') > weightOf('gzip') ? encodeBrotli : encodeGzip;
}
