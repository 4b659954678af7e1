/** Checksums, signatures and the keys that they are checked with. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPrivateKey, readPublicKey, signMetadata, verifyMetadata } from '../src/artifact/integrity.js';
import { ArtifactError } from '../src/errors.js';
import { sha256Hex } from '../src/sha256.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const metadata = Buffer.from('{"model_version": "v1.0.0"}');
const SIGNATURE = 'v1.0.0/metadata.sig';

test('SHA-256 is that of FIPS 180', () => {
  assert.equal(sha256Hex(Buffer.from('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('a signature is accepted in base64 and as bytes, over these very bytes and by this key only', () => {
  const text = signMetadata(metadata, privateKey);
  verifyMetadata({ metadata, signature: Buffer.from(text) }, publicKey, SIGNATURE);
  verifyMetadata({ metadata, signature: Buffer.from(text, 'base64') }, publicKey, SIGNATURE);
  const mismatch = new ArtifactError(SIGNATURE, 'does not match metadata.json and MODEL_PUBLIC_KEY');
  assert.throws(
    () =>
      verifyMetadata(
        { metadata: Buffer.concat([metadata, Buffer.from('\n')]), signature: Buffer.from(text) },
        publicKey,
        SIGNATURE,
      ),
    mismatch,
  );
  assert.throws(
    () =>
      verifyMetadata({ metadata, signature: Buffer.from(text) }, generateKeyPairSync('ed25519').publicKey, SIGNATURE),
    mismatch,
  );
  assert.throws(() => verifyMetadata({ metadata, signature: Buffer.alloc(64) }, publicKey, SIGNATURE), mismatch);
  for (const damaged of ['', 'AAAA', '!'.repeat(88), text.slice(0, 80)]) {
    assert.throws(
      () => verifyMetadata({ metadata, signature: Buffer.from(damaged) }, publicKey, SIGNATURE),
      new ArtifactError(SIGNATURE, 'is not an Ed25519 signature (64 bytes, or base64 of them)'),
    );
  }
});

test('a public key is read from PEM, base64 and files', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-keys-'));
  t.after(() => rm(folder, { recursive: true }));
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const forms = [pem, pem.replaceAll('\n', '\\n'), der.toString('base64'), der.subarray(-32).toString('base64')];
  for (const form of forms) {
    assert(readPublicKey(form).equals(publicKey), form);
    const path = join(folder, 'key');
    await writeFile(path, `${form}\n`);
    assert(readPublicKey(path).equals(publicKey), form);
  }
});

test('a private key is read from PEM', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lightscore-keys-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'key.pem');
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  assert(createPublicKey(readPrivateKey(path)).equals(publicKey));
  await writeFile(path, 'no key');
  assert.throws(() => readPrivateKey(path), {
    code: 'CONFIG_INVALID',
    message: `${path}: is not a PEM private key without a passphrase`,
  });
});

test('what is no Ed25519 public key is a mistake in the configuration', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();
  const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const [setting, message] of [
    [rsa, /^MODEL_PUBLIC_KEY: is a key of type rsa, expected ed25519$/],
    [secret, /^MODEL_PUBLIC_KEY: is a private key; only the public key belongs on a server$/],
    [
      '-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----',
      /^MODEL_PUBLIC_KEY: is not a public key in PEM or base64$/,
    ],
    [
      '/nowhere/key.pem',
      /^MODEL_PUBLIC_KEY: is neither a key in PEM or base64 nor the path of a readable file: "\/nowhere\/key\.pem"$/,
    ],
  ] as const) {
    assert.throws(() => readPublicKey(setting), { code: 'CONFIG_INVALID', message });
  }
});
