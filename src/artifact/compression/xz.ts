/** Decompression of xz, one of the formats joblib writes. */
import { createHash } from 'node:crypto';
import { ByteReader } from '../byte-reader.js';
import { crc32, crc64 } from './crc.js';
import { LzmaDecoder } from './lzma.js';
import { CorruptData, Output } from './output.js';

const LZMA2 = 0x21;

/**
 * A full chunk holds 64 KiB, stored or compressed, or 2 MiB of data. A file of many small chunks, each with a reset,
 * only costs time.
 */
const MAX_CHUNKS = 4096;

/** The kinds of check of a block's data, by their number in the stream's flags: size in bytes and function. */
const CHECKS: Readonly<Record<number, { size: number; compute(data: Uint8Array): Uint8Array }>> = {
  0: { size: 0, compute: () => new Uint8Array() },
  1: { size: 4, compute: crc32 },
  4: { size: 8, compute: crc64 },
  10: { size: 32, compute: (data) => createHash('sha256').update(data).digest() },
};

/**
 * Decompresses one `.xz` stream (xz-file-format.txt) to at most `maxBytes`; the blocks' checks are verified, the index
 * after the last block is not read.
 *
 *     magic and flags (12 bytes) | block: header, LZMA2 data, padding, check | ... | index | footer
 *
 * @throws CorruptData, LimitExceeded.
 */
export function unxz(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const reader = new ByteReader(bytes, (reason) => new CorruptData(reason));
  reader.bytes(7);
  const check = CHECKS[reader.uint8()];
  if (check === undefined) throw new CorruptData('its kind of check is unknown');
  reader.uint32();
  const output = new Output(maxBytes);
  let chunks = 0;
  for (;;) {
    const headerSize = reader.uint8();
    if (headerSize === 0) return output.since(0);
    readBlockHeader(reader.bytes((headerSize + 1) * 4 - 1));
    const start = output.length;
    const dataStart = reader.position;
    chunks += decodeLzma2(reader, output, MAX_CHUNKS - chunks);
    reader.bytes((4 - ((reader.position - dataStart) % 4)) % 4);
    if (!equal(check.compute(output.since(start)), reader.bytes(check.size)))
      throw new CorruptData('its check does not match');
  }
}

/** Reads flags, optional sizes and filters; accepts only LZMA2 alone, which Python's lzma writes by default. */
function readBlockHeader(header: Uint8Array): void {
  const reader = new ByteReader(header, (reason) => new CorruptData(reason));
  const flags = reader.uint8();
  if ((flags & 0x40) !== 0) skipVariableInteger(reader);
  if ((flags & 0x80) !== 0) skipVariableInteger(reader);
  if ((flags & 0x3f) !== 0 || reader.uint8() !== LZMA2) throw new CorruptData('it uses a filter other than LZMA2');
}

function skipVariableInteger(reader: ByteReader): void {
  while ((reader.uint8() & 0x80) !== 0);
}

/**
 * LZMA2 is a sequence of chunks that start with a control byte: 0 ends the data; 1 and 2 precede stored bytes (1 resets
 * the dictionary); values from 0x80 on precede LZMA data, and their bits 5 and 6 say what is reset: nothing, state,
 * state and properties, or all with the dictionary.
 * @returns the number of chunks.
 */
function decodeLzma2(reader: ByteReader, output: Output, maxChunks: number): number {
  const decoder = new LzmaDecoder(output);
  let needsState = true;
  for (let chunks = 1; chunks <= maxChunks; chunks++) {
    const control = reader.uint8();
    if (control === 0) return chunks;
    if (control < 0x80) {
      if (control > 2) throw new CorruptData('an LZMA2 chunk is of unknown kind');
      if (control === 1) decoder.resetDictionary();
      output.append(reader.bytes(bigEndian16(reader) + 1));
      continue;
    }
    const size = ((control & 0x1f) << 16) + bigEndian16(reader) + 1;
    const compressedSize = bigEndian16(reader) + 1;
    const reset = (control >>> 5) & 3;
    if (reset === 3) decoder.resetDictionary();
    if (reset >= 2) decoder.reset(lzma2Properties(reader.uint8()));
    else if (reset === 1) decoder.reset();
    else if (needsState) throw new CorruptData('its first LZMA2 chunk has no properties');
    needsState = false;
    decoder.decode(reader.bytes(compressedSize), size);
  }
  throw new CorruptData(`it has more than ${MAX_CHUNKS} chunks`);
}

/** LZMA2 allows at most 4 literal context and position bits together, which keeps a reset cheap. */
function lzma2Properties(properties: number): number {
  if ((properties % 9) + (Math.floor(properties / 9) % 5) > 4)
    throw new CorruptData('its LZMA properties are out of range');
  return properties;
}

function bigEndian16(reader: ByteReader): number {
  return (reader.uint8() << 8) | reader.uint8();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
