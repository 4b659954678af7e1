/** Reads and checks single environment variables: numbers, choices, files, keys. */
import { createPublicKey } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { keyDigest, type ApiKey } from '../access/keys.js';
import type { Setting, Switch } from './settings.js';
import { quote } from '../quote.js';

/** API keys of fewer characters cause a warning. */
const MIN_KEY_LENGTH = 16;

/** A number's default and bounds, both inclusive. */
export interface NumberRange {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Reads variables one by one. A wrong value is recorded as a mistake and replaced by the default, so that one run
 * reports all mistakes. No line repeats the value of a secret.
 */
export class Reader {
  /** One line each. */
  readonly mistakes: string[] = [];
  /** One line each. */
  readonly warnings: string[] = [];
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** Records a mistake as one line: control characters, which a path may contain, are escaped. */
  mistake(line: string): undefined {
    this.mistakes.push(line.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1)));
  }

  /** Returns the trimmed value; undefined if the variable is not set or blank. */
  text(name: Setting): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  isSet(name: Setting): boolean {
    return this.text(name) !== undefined;
  }

  integer(name: Setting, { fallback, min, max }: NumberRange): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    this.mistake(`${name} must be a whole number from ${min} to ${max}, not ${quote(value)}`);
    return fallback;
  }

  number(name: Setting, { fallback, min, max }: NumberRange): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = /^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    this.mistake(`${name} must be a number from ${min} to ${max}, not ${quote(value)}`);
    return fallback;
  }

  flag(name: Switch, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['1', 'true', 'yes', 'on'].includes(value)) return true;
    if (!['0', 'false', 'no', 'off'].includes(value)) this.mistake(`${name} must be 0 or 1, not ${quote(value)}`);
    return false;
  }

  /** One of `choices`, in upper or lower case. `aliases` maps other names, in lower case, to choices. */
  choice<T extends string>(
    name: Setting,
    choices: readonly T[],
    fallback: T,
    aliases: Readonly<Record<string, T>> = {},
  ): T {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    const chosen =
      choices.find((choice) => choice === value) ?? (Object.hasOwn(aliases, value) ? aliases[value] : undefined);
    if (chosen !== undefined) return chosen;
    this.mistake(`${name} must be one of ${choices.join(', ')}, not ${quote(value)}`);
    return fallback;
  }

  host(name: Setting, fallback: string): string {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const isHostName =
      value.length <= 253 &&
      /^[a-z\d_]([a-z\d_-]*[a-z\d_])?(\.[a-z\d_]([a-z\d_-]*[a-z\d_])?)*\.?$/i.test(value) &&
      !/^[\d.]+$/.test(value);
    if (isIP(value) !== 0 || isHostName) return value;
    this.mistake(`${name} must be an IP address or a host name, not ${quote(value)}`);
    return fallback;
  }

  /** The name of a version: one path segment, because it becomes part of a path or an object key. */
  version(name: Setting): string | undefined {
    const value = this.text(name);
    if (value === undefined || /^[a-z\d][\w.+-]{0,127}$/i.test(value)) return value;
    return this.mistake(
      `${name} must be the name of a version (letters, digits, ".", "_", "+", "-"), not ${quote(value)}`,
    );
  }

  /** A bucket's name or the ARN of an access point. */
  bucket(name: Setting): string | undefined {
    const value = this.text(name);
    if (value === undefined || /^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(value) || /^arn:[^/\s]+:s3[^\s]*$/.test(value))
      return value;
    const hint = value.includes('/') ? ' (without s3:// and path; the path goes into MODEL_S3_PREFIX)' : '';
    return this.mistake(`${name} must be the name of a bucket${hint}, not ${quote(value)}`);
  }

  /** A prefix of object keys: empty (set as "/"), or without a leading slash and with one trailing slash. */
  prefix(name: Setting, fallback: string): string {
    const value = (this.text(name) ?? fallback).replace(/^\/+/, '').replace(/\/+$/, '');
    return value === '' ? '' : `${value}/`;
  }

  existingFile(name: Setting): string | undefined {
    const path = this.text(name);
    if (path === undefined) return undefined;
    const reason = unreadable(path);
    return reason === undefined ? path : this.mistake(`${name}: ${path}: ${reason}`);
  }

  /** A file that need not exist, in a folder that must. */
  newFile(name: Setting): string | undefined {
    const path = this.text(name);
    if (path === undefined) return undefined;
    if (existsSync(path) && statSync(path).isDirectory()) return this.mistake(`${name}: ${path}: is a folder`);
    if (!existsSync(dirname(path))) return this.mistake(`${name}: ${path}: the folder ${dirname(path)} does not exist`);
    return path;
  }

  /** An Ed25519 public key: PEM text, or the path of a PEM file. */
  publicKey(name: Setting): string | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const inline = value.startsWith('-----BEGIN');
    const reason = inline ? undefined : unreadable(value);
    if (reason !== undefined) return this.mistake(`${name}: ${value}: ${reason}`);
    const place = inline ? name : `${name}: ${value}`;
    // Environment files often contain line ends as the two characters "\n".
    const pem = inline ? value.replaceAll('\\n', '\n') : readFileSync(value, 'utf8');
    if (pem.includes('PRIVATE KEY')) return this.mistake(`${place}: is a private key; set the public key instead`);
    try {
      const type = createPublicKey(pem).asymmetricKeyType;
      return type === 'ed25519' ? pem : this.mistake(`${place}: is not an Ed25519 key, but ${type ?? 'another'}`);
    } catch {
      return this.mistake(`${place}: is not a PEM public key`);
    }
  }

  /**
   * `id:key` or `id:sha256:HEX`, separated by commas; from a file also by line ends, and without lines that begin with
   * "#". Ids and keys must be unique.
   */
  keys(name: Setting, fileName: Setting): readonly ApiKey[] {
    const file = this.existingFile(fileName);
    if (file === undefined) return this.#keyList(name, (this.text(name) ?? '').split(','));
    if (this.isSet(name)) this.mistake(`${name} and ${fileName} are both set: the keys have one source`);
    const keys = this.#keyList(fileName, entriesOf(readFileSync(file, 'utf8')));
    // Without a key nothing would be asked of anybody.
    if (keys.length === 0 && this.mistakes.length === 0) this.mistake(`${fileName}: ${file}: holds no key`);
    return keys;
  }

  #keyList(name: Setting, list: readonly string[]): readonly ApiKey[] {
    const keys: ApiKey[] = [];
    for (const [index, entry] of list.map((each) => each.trim()).entries()) {
      if (entry === '') continue;
      const key = this.#key(name, { entry, position: index + 1 });
      if (key === undefined) continue;
      if (keys.some(({ id }) => id === key.id)) this.mistake(`${name}: the id ${quote(key.id)} appears twice`);
      const same = keys.find(({ digest }) => digest.equals(key.digest));
      if (same !== undefined && same.id !== key.id)
        this.mistake(`${name}: ${quote(same.id)} and ${quote(key.id)} have the same key`);
      keys.push(key);
    }
    return keys;
  }

  /** Origins as browsers send them, `https://host[:port]`, or `*`; separated by commas. */
  origins(name: Setting): readonly string[] {
    const origins = (this.text(name) ?? '').split(',').map((each) => each.trim());
    return origins.filter((origin) => {
      if (origin === '' || origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin)) {
        return origin !== '';
      }
      this.mistake(`${name} must hold origins such as https://app.example.com, or *, not ${quote(origin)}`);
      return false;
    });
  }

  #key(name: Setting, { entry, position }: { entry: string; position: number }): ApiKey | undefined {
    // A malformed entry may be a bare key, so the message gives its position only.
    const [, id, secret] = /^([^:]*):(.*)$/s.exec(entry) ?? [];
    if (id === undefined || secret === undefined)
      return this.mistake(`${name}: entry ${position} must be id:key or id:sha256:HEX`);
    if (!/^[\w.-]{1,64}$/.test(id))
      return this.mistake(`${name}: the id of entry ${position} must be 1 to 64 letters, digits, ".", "_" or "-"`);
    if (/^sha256:/i.test(secret)) {
      const hex = secret.slice('sha256:'.length);
      if (!/^[\da-f]{64}$/i.test(hex))
        return this.mistake(`${name}: the SHA-256 of ${quote(id)} must be 64 hexadecimal digits`);
      return { id, digest: Buffer.from(hex, 'hex') };
    }
    if (!/^[\x21-\x7e]{1,1024}$/.test(secret))
      return this.mistake(`${name}: the key of ${quote(id)} must be 1 to 1024 visible ASCII characters`);
    if (secret.length < MIN_KEY_LENGTH)
      this.warnings.push(
        `${name}: the key of ${quote(id)} has only ${secret.length} characters: ` +
          `${MIN_KEY_LENGTH} or more resist guessing`,
      );
    return { id, digest: keyDigest(secret) };
  }
}

/** Why a file cannot be read; undefined if it can. */
function unreadable(path: string): string | undefined {
  if (!existsSync(path)) return 'no such file';
  if (!statSync(path).isFile()) return 'is not a file';
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch {
    return 'cannot be read';
  }
}

/** The entries of a file of keys. */
function entriesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => !line.trimStart().startsWith('#'));
  return lines.flatMap((line) => line.split(','));
}
