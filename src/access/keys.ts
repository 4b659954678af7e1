import * as crypto from 'node:crypto';
import { createHash, timingSafeEqual } from 'node:crypto';

/** One configured API key. The key itself is not kept. */
export interface ApiKey {
  /** Public name of the key: it labels log lines, audit entries and rate limits. */
  readonly id: string;
  /** SHA-256 of the key's UTF-8 bytes: 32 bytes. */
  readonly digest: Buffer;
}

const DIGEST_BYTES = 32;

// "binary" is one character a byte, and the cheapest way out of C++. The one-shot hash of Node 20.12 takes 0.25 us, a
// Hash object 1.2 us.
const sha256: (text: string) => string =
  'hash' in crypto
    ? (text) => crypto.hash('sha256', text, 'binary')
    : (text) => createHash('sha256').update(text).digest('binary');

/** SHA-256 of a key's UTF-8 bytes: 32 bytes. */
export function keyDigest(key: string): Buffer {
  return Buffer.from(sha256(key), 'binary');
}

const BEARER = /^bearer +([^ ]+) *$/i;

/** The key a request presents, as `X-API-Key` or else as `Authorization: Bearer`; empty where it presents none. */
export function presentedKey(xApiKey: string, authorization: string): string {
  if (xApiKey !== '' || authorization === '') return xApiKey;
  return BEARER.exec(authorization)?.[1] ?? '';
}

/** The configured keys of one kind. */
export class KeyRing {
  readonly #keys: readonly ApiKey[];
  readonly #presented = Buffer.alloc(DIGEST_BYTES);

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  /** Without keys nothing is asked of a request. */
  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /**
   * The id of the key that was presented, or undefined for a key that is not in the ring.
   *
   * Takes the same time wherever, and whether, it matches: digests are compared in constant time, and all of them
   * always. 0.3 us plus 0.05 us a key (Node 20).
   */
  identify(presented: string): string | undefined {
    this.#presented.write(sha256(presented), 'binary');
    let id: string | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, this.#presented)) id = key.id;
    return id;
  }
}
