/** Decompression of joblib dumps, by the format's first bytes. */
import { gunzipSync, inflateSync } from 'node:zlib';
import { bunzip2 } from './compression/bzip2.js';
import { CorruptData, LimitExceeded } from './compression/output.js';
import { unlz4 } from './compression/lz4.js';
import { unlzma } from './compression/lzma.js';
import { unxz } from './compression/xz.js';
import { PickleRefusal } from './pickle-values.js';

type Decompressor = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

interface Format {
  name: string;
  magic: readonly number[];
  decompress: Decompressor;
}

/** The formats that `joblib.dump(..., compress=...)` writes, by their first bytes (joblib/compressor.py). */
const FORMATS: readonly Format[] = [
  { name: 'zlib', magic: [0x78], decompress: (bytes, maxBytes) => inflateSync(bytes, { maxOutputLength: maxBytes }) },
  {
    name: 'gzip',
    magic: [0x1f, 0x8b],
    decompress: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
  },
  { name: 'bz2', magic: [0x42, 0x5a], decompress: bunzip2 },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], decompress: unxz },
  { name: 'lzma', magic: [0x5d, 0x00], decompress: unlzma },
  { name: 'lz4', magic: [0x04, 0x22, 0x4d, 0x18], decompress: unlz4 },
];

const formatOf = (bytes: Uint8Array): Format | undefined =>
  FORMATS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));

/** Whether a file begins as one that joblib, or gzip, compressed. */
export const isCompressed = (bytes: Uint8Array): boolean => formatOf(bytes) !== undefined;

export interface DecompressLimits {
  readonly maxBytes: number;
  /** What it is, for messages. */
  readonly of: string;
}

/**
 * Returns the contents of a file, at most `maxBytes` long: decompressed if the file is compressed, else
 * `bytes` itself.
 * @throws PickleRefusal when it is damaged or larger.
 */
export function decompress(bytes: Uint8Array, { maxBytes, of }: DecompressLimits): Uint8Array {
  if (bytes.byteLength === 0) throw new PickleRefusal('is empty');
  const format = formatOf(bytes);
  const limit = `is larger than ${maxBytes} bytes, the limit for ${of}`;
  if (format === undefined) {
    if (bytes.byteLength > maxBytes) throw new PickleRefusal(limit);
    return bytes;
  }
  try {
    return format.decompress(bytes, maxBytes);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const code = 'code' in cause ? String(cause.code) : '';
    if (cause instanceof LimitExceeded || code === 'ERR_BUFFER_TOO_LARGE') throw new PickleRefusal(limit, { cause });
    // node:zlib's own codes are Z_DATA_ERROR, Z_BUF_ERROR and the like.
    if (!(cause instanceof CorruptData || code.startsWith('Z_'))) throw cause;
    throw new PickleRefusal(`is damaged: its ${format.name} compression: ${cause.message}`, { cause });
  }
}
