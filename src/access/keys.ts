/** API keys: their digests, how a request presents one, and how it is compared with the configured keys. */
import * as crypto from 'node:crypto';
import { createHash, timingSafeEqual } from 'node:crypto';

/** One configured API key. The key itself is not kept. */
export interface ApiKey {
  /** The key's public name, used in audit entries and for rate limits. */
  readonly id: string;
  /** SHA-256 of the key's UTF-8 bytes: 32 bytes. */
  readonly digest: Buffer;
}

const DIGEST_BYTES = 32;

// "binary" has one character per byte, and is the cheapest encoding to return from C++. The one-shot hash of Node 20.12
// takes 0.25 us, a Hash object 1.2 us.
const sha256: (text: string) => string =
  'hash' in crypto
    ? (text) => crypto.hash('sha256', text, 'binary')
    : (text) => createHash('sha256').update(text).digest('binary');

/** Returns the SHA-256 of a key's UTF-8 bytes: 32 bytes. */
export function keyDigest(key: string): Buffer {
  return Buffer.from(sha256(key), 'binary');
}

const BEARER = /^bearer +([^ ]+) *$/i;

/** The values of a request's headers; empty where it has none. */
export interface KeyHeaders {
  readonly xApiKey: string;
  readonly authorization: string;
}

/** Returns the key in `X-API-Key` or else in `Authorization: Bearer`; empty if a request has neither. */
export function presentedKey({ xApiKey, authorization }: KeyHeaders): string {
  if (xApiKey !== '' || authorization === '') return xApiKey;
  return BEARER.exec(authorization)?.[1] ?? '';
}

/** The configured keys of one kind, scoring or admin. */
export class KeyRing {
  readonly #keys: readonly ApiKey[];
  readonly #presented = Buffer.alloc(DIGEST_BYTES);

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  /** Whether no keys are configured. */
  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /**
   * Returns the id of a key, or undefined if the key is not in the ring.
   *
   * The time does not depend on which key matches, or whether one does: each digest is compared in constant time, and
   * all of them are always compared. It takes 0.3 us plus 0.05 us per key (Node 20).
   */
  identify(presented: string): string | undefined {
    this.#presented.write(sha256(presented), 'binary');
    let id: string | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, this.#presented)) id = key.id;
    return id;
  }
}
