/** The lines of a text, one at a time: a model may be larger than a JavaScript string. */

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class TextLines {
  readonly #bytes: Buffer;
  #end = -1;
  /** The current line without its end, which is LF or CR LF; undefined past the last one. */
  line: string | undefined;
  /** Of the current line, from 1. */
  number = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.next();
  }

  next(): void {
    const start = this.#end + 1;
    this.number++;
    if (start > this.#bytes.length) {
      this.line = undefined;
      return;
    }
    const found = this.#bytes.indexOf(LINE_FEED, start);
    this.#end = found < 0 ? this.#bytes.length : found;
    const end = this.#end > start && this.#bytes[this.#end - 1] === CARRIAGE_RETURN ? this.#end - 1 : this.#end;
    this.line = decode(this.#bytes.subarray(start, end));
  }
}

/** Nearly every line is ASCII. Names are the trainer's bytes: where they are no UTF-8, each byte is a character. */
function decode(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (!HIGH.test(text)) return text;
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return text;
    throw error;
  }
}

const HIGH = /[\x80-\xff]/;
