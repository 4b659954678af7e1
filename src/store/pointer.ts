/** `current.json`: the version that it names, and the signature that vouches for it. */
import { type KeyObject, createPublicKey, sign, verify } from 'node:crypto';
import { parseJsonObject } from '../artifact/json.js';
import { ArtifactError } from '../errors.js';
import { quote } from '../quote.js';
import { isVersionName } from './version-name.js';

const SIGNATURE_BYTES = 64;

/** What a signature of a pointer covers. */
export interface PointerClaim {
  readonly version: string;
  /** Grows with every signed pointer of a store: a whole number above 0. */
  readonly counter: number;
}

/** The contents of a `current.json`. Its version is all that an unsigned one has. */
export interface PointerContents {
  readonly version: string;
  /** Undefined where there is none, or none that could be signed. */
  readonly counter: number | undefined;
  /** Ed25519 over `signedText`, in base64; undefined where there is none. */
  readonly signature: string | undefined;
}

/** Parses the text of a `current.json`. @throws ArtifactError naming `file` if it names no version. */
export function parsePointer(bytes: Uint8Array, file: string): PointerContents {
  const { version, counter, signature } = parseJsonObject(bytes, file).value;
  if (typeof version !== 'string' || !isVersionName(version))
    throw new ArtifactError(file, 'names no version: expected {"version": "v1.0.0"}');
  return {
    version,
    counter: isCounter(counter) ? counter : undefined,
    signature: typeof signature === 'string' ? signature : undefined,
  };
}

/** The text of an unsigned `current.json`. */
export function unsignedPointer(version: string): string {
  return `${JSON.stringify({ version })}\n`;
}

/**
 * The text of a signed `current.json`. Its counter is the time in milliseconds, or one more than that of the pointer
 * before it where that is higher: a pointer that is not signed with this key counts as none, as anyone can write it.
 */
export function signedPointer(version: string, privateKey: KeyObject, before: PointerContents | undefined): string {
  const last = before === undefined ? undefined : claimOf(before, createPublicKey(privateKey));
  const counter = Math.max(Date.now(), (last?.counter ?? 0) + 1);
  const signature = sign(null, signedText({ version, counter }), privateKey).toString('base64');
  return `${JSON.stringify({ version, counter, signature })}\n`;
}

/**
 * Verifies a pointer's signature.
 * @param file where the pointer is, for messages
 * @throws ArtifactError if it is not signed, or not with this key
 */
export function verifyPointer(pointer: PointerContents, publicKey: KeyObject, file: string): PointerClaim {
  if (pointer.counter === undefined || pointer.signature === undefined)
    throw new ArtifactError(file, 'is not signed, but MODEL_REQUIRE_SIGNED_POINTER requires a signature and a counter');
  const claim = claimOf(pointer, publicKey);
  if (claim !== undefined) return claim;
  const named = `version ${quote(pointer.version)} and counter ${pointer.counter}`;
  throw new ArtifactError(file, `its signature does not match ${named} and MODEL_PUBLIC_KEY`);
}

/** Undefined if the signature is missing or wrong. */
function claimOf({ version, counter, signature }: PointerContents, publicKey: KeyObject): PointerClaim | undefined {
  if (counter === undefined || signature === undefined) return undefined;
  const raw = Buffer.from(signature, 'base64');
  const isSigned = raw.length === SIGNATURE_BYTES && verify(null, signedText({ version, counter }), publicKey, raw);
  return isSigned ? { version, counter } : undefined;
}

/** Its first line keeps a signature over anything else, such as metadata.json, from being one over a pointer. */
function signedText({ version, counter }: PointerClaim): Buffer {
  return Buffer.from(`lightscore current.json\nversion: ${version}\ncounter: ${counter}\n`);
}

function isCounter(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
