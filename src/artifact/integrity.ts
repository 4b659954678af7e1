/** Checksums and signatures of artifacts, and the keys that make and verify signatures. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ArtifactError, LightscoreError } from '../errors.js';
import { quote } from '../quote.js';

const SIGNATURE_BYTES = 64;
const PUBLIC_KEY_BYTES = 32;

/**
 * The DER header of an Ed25519 public key (RFC 8410): SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING of 32 bytes }.
 */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');

/** @throws ArtifactError naming `file` when its SHA-256 is not the one in metadata.json. */
export function verifyChecksum({ file, actual, expected }: Record<'file' | 'actual' | 'expected', string>): void {
  if (actual !== expected) throw new ArtifactError(file, `has SHA-256 ${actual}, but metadata.json says ${expected}`);
}

/** The text of `metadata.sig`: an Ed25519 signature over the bytes of `metadata.json`, in base64 and a line feed. */
export function signMetadata(metadata: Uint8Array, privateKey: KeyObject): string {
  return `${sign(null, metadata, privateKey).toString('base64')}\n`;
}

/**
 * Verifies `metadata.sig` over the bytes of `metadata.json`. The signature is base64, as `signMetadata` writes it, or
 * 64 raw bytes, as openssl writes them.
 * @throws ArtifactError naming `file`, the signature's.
 */
export function verifyMetadata(
  { metadata, signature }: { readonly metadata: Uint8Array; readonly signature: Uint8Array },
  publicKey: KeyObject,
  file: string,
): void {
  const raw =
    signature.byteLength === SIGNATURE_BYTES ? signature : decodeBase64(Buffer.from(signature).toString('latin1'));
  if (raw?.byteLength !== SIGNATURE_BYTES)
    throw new ArtifactError(file, 'is not an Ed25519 signature (64 bytes, or base64 of them)');
  if (!verify(null, metadata, publicKey, raw))
    throw new ArtifactError(file, 'does not match metadata.json and MODEL_PUBLIC_KEY');
}

/**
 * The Ed25519 public key of `setting`: PEM text (line breaks may be written \n), base64 of the 32 bytes or of their DER
 * form, or the path of a file that holds one of these.
 * @throws LightscoreError CONFIG_INVALID in one line that starts with `name`.
 */
export function readPublicKey(setting: string, name = 'MODEL_PUBLIC_KEY'): KeyObject {
  const problem = `${name}: is neither a key in PEM or base64 nor the path of a readable file`;
  const key = parsePublicKey(setting, name) ?? parsePublicKey(readKeyFile(setting, problem), name);
  if (key === undefined)
    throw new LightscoreError('CONFIG_INVALID', `${name}: ${setting} does not contain a public key in PEM or base64`);
  return key;
}

/**
 * The Ed25519 private key in a PEM file, as `openssl genpkey -algorithm ed25519` writes it.
 * @throws LightscoreError CONFIG_INVALID naming the file.
 */
export function readPrivateKey(path: string): KeyObject {
  const text = readKeyFile(path, 'the file of the private key cannot be read');
  try {
    return onlyEd25519(createPrivateKey(text), path);
  } catch (cause) {
    if (cause instanceof LightscoreError) throw cause;
    throw new LightscoreError('CONFIG_INVALID', `${path}: is not a PEM private key without a passphrase`, {
      cause,
    });
  }
}

function parsePublicKey(text: string, name: string): KeyObject | undefined {
  const pem = text.replaceAll('\\n', '\n').trim();
  if (pem.includes('PRIVATE KEY'))
    throw new LightscoreError('CONFIG_INVALID', `${name}: is a private key; only the public key belongs on a server`);
  const isPem = pem.startsWith('-----BEGIN');
  const der = isPem ? undefined : decodeBase64(pem);
  if (!isPem && der?.byteLength !== PUBLIC_KEY_BYTES && der?.byteLength !== SPKI_HEADER.byteLength + PUBLIC_KEY_BYTES)
    return undefined;
  try {
    if (der === undefined) return onlyEd25519(createPublicKey(pem), name);
    const key = der.byteLength === PUBLIC_KEY_BYTES ? Buffer.concat([SPKI_HEADER, der]) : der;
    return onlyEd25519(createPublicKey({ key, format: 'der', type: 'spki' }), name);
  } catch (cause) {
    if (cause instanceof LightscoreError) throw cause;
    throw new LightscoreError('CONFIG_INVALID', `${name}: is not a public key in PEM or base64`, { cause });
  }
}

function onlyEd25519(key: KeyObject, name: string): KeyObject {
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new LightscoreError(
    'CONFIG_INVALID',
    `${name}: is a key of type ${key.asymmetricKeyType ?? 'unknown'}, expected ed25519`,
  );
}

/** @param problem what the error says of a file that cannot be read */
function readKeyFile(path: string, problem: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LightscoreError('CONFIG_INVALID', `${problem}: ${quote(path, 200)}`, { cause });
  }
}

function decodeBase64(text: string): Buffer | undefined {
  const compact = text.trim();
  return /^[A-Za-z0-9+/]+={0,2}$/.test(compact) ? Buffer.from(compact, 'base64') : undefined;
}
