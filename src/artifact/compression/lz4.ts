/** Decompression of LZ4 frames, one of the formats joblib writes. */
import { ByteReader } from '../byte-reader.js';
import { CorruptData, Output } from './output.js';

const MAGIC = 0x184d2204;
const MIN_MATCH = 4;

/**
 * Decompresses one LZ4 frame (lz4_Frame_format.md) to at most `maxBytes`. Checksums are not verified: joblib
 * writes none of the data.
 * @throws CorruptData, LimitExceeded.
 */
export function unlz4(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const reader = new ByteReader(bytes, (reason) => new CorruptData(reason));
  if (reader.uint32() !== MAGIC) throw new CorruptData('it is not an LZ4 frame');
  const flags = reader.uint8();
  reader.uint8();
  if (flags >>> 6 !== 1) throw new CorruptData('it is not an LZ4 frame of version 1');
  if ((flags & 0x01) !== 0) throw new CorruptData('it needs a dictionary');
  const blocksAreLinked = (flags & 0x20) === 0;
  const blockChecksum = (flags & 0x10) !== 0;
  if ((flags & 0x08) !== 0) reader.uint64();
  reader.uint8();
  const output = new Output(maxBytes);
  for (;;) {
    const size = reader.uint32();
    if (size === 0) return output.since(0);
    const block = reader.bytes(size & 0x7fffffff);
    if (size > 0x7fffffff) output.append(block);
    else decodeBlock(block, output, blocksAreLinked ? 0 : output.length);
    if (blockChecksum) reader.uint32();
  }
}

/** A block is sequences of token, literals, 2-byte distance and match length; the last one ends after its literals. */
function decodeBlock(block: Uint8Array, output: Output, start: number): void {
  const reader = new ByteReader(block, (reason) => new CorruptData(reason));
  while (reader.remaining > 0) {
    const token = reader.uint8();
    output.append(reader.bytes(extended(reader, token >>> 4)));
    if (reader.remaining === 0) return;
    const distance = reader.uint16();
    if (distance === 0) throw new CorruptData('a back reference has no distance');
    output.copy(distance, extended(reader, token & 15) + MIN_MATCH, start);
  }
}

function extended(reader: ByteReader, nibble: number): number {
  let length = nibble;
  if (nibble < 15) return length;
  for (;;) {
    const more = reader.uint8();
    length += more;
    if (more < 255) return length;
  }
}
