/** The cyclic redundancy checks of the compression formats. */

/** CRC-32 of xz and gzip (reflected, polynomial 0xEDB88320), little endian. */
export function crc32(data: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ CRC32[(crc ^ byte) & 0xff];
  return littleEndian([~crc]);
}

/** CRC-64 of xz (reflected, polynomial 0xC96C5795D7870F42), little endian; computed in two halves. */
export function crc64(data: Uint8Array): Uint8Array {
  let low = -1;
  let high = -1;
  for (const byte of data) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ CRC64_LOW[index];
    high = (high >>> 8) ^ CRC64_HIGH[index];
  }
  return littleEndian([~low, ~high]);
}

/** CRC-32 of bzip2 (most significant bit first, polynomial 0x04C11DB7). */
export function crc32MostSignificantFirst(data: Uint8Array): number {
  let crc = -1;
  for (const byte of data) crc = (crc << 8) ^ CRC32_MSB[(crc >>> 24) ^ byte];
  return ~crc >>> 0;
}

const CRC32 = table((byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

const CRC32_MSB = table((byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc;
});

const CRC64 = Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0xc96c5795d7870f42n : 0n);
  return crc;
});
const CRC64_LOW = table((byte) => Number(BigInt.asIntN(32, CRC64[byte])));
const CRC64_HIGH = table((byte) => Number(BigInt.asIntN(32, CRC64[byte] >> 32n)));

function table(entry: (byte: number) => number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => entry(byte));
}

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setInt32(i * 4, word, true));
  return bytes;
}
