/**
 * Receiving with the kernel's own time of arrival (SO_TIMESTAMPNS): an answer that waits in the socket because the
 * generator's thread is not running was there all the same. Called through koffi, in memory of libc's, because a
 * message header holds addresses.
 */
import koffi from 'koffi';

const libc = koffi.load(null);
const malloc = libc.func('void *malloc(size_t size)');
const recvmsg = libc.func('int64_t recvmsg(int fd, void *message, int flags)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const clockGettime = libc.func('int clock_gettime(int clock, void *time)');

const SOL_SOCKET = 1;
const SO_TIMESTAMPNS = 35;
const MSG_DONTWAIT = 0x40;
const CLOCK_REALTIME = 0;

/** Where things are in the block: struct msghdr, struct iovec, control messages, data. */
const IOVEC = 64;
const CONTROL = 128;
const CONTROL_BYTES = 128;
const DATA = 4096;
const DATA_BYTES = 1 << 18;
/** In struct msghdr: the addresses and lengths of iovec and control. */
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const MSG_CONTROL = 32;
const MSG_CONTROLLEN = 40;
/** In struct cmsghdr: its type, and the struct timespec behind it. */
const CMSG_TYPE = 12;
const CMSG_DATA = 16;

/** The two clocks are compared again after this time, as the kernel's is adjusted while it runs. */
const COMPARE_MS = 500;
const COMPARISONS = 5;

export class StampedReceiver {
  readonly #block: unknown = malloc(DATA + DATA_BYTES);
  readonly #bytes: Buffer;
  readonly #time = new BigInt64Array(2);
  /** The kernel's clock less performance.now(), milliseconds. */
  #offset = 0;
  #comparedAt = -Infinity;

  constructor() {
    this.#bytes = Buffer.from(koffi.view(this.#block, DATA + DATA_BYTES));
    const address = koffi.address(this.#block);
    this.#bytes.fill(0, 0, DATA);
    this.#bytes.writeBigUInt64LE(address + BigInt(IOVEC), MSG_IOV);
    this.#bytes.writeBigUInt64LE(1n, MSG_IOVLEN);
    this.#bytes.writeBigUInt64LE(address + BigInt(CONTROL), MSG_CONTROL);
    this.#bytes.writeBigUInt64LE(address + BigInt(DATA), IOVEC);
    this.#bytes.writeBigUInt64LE(BigInt(DATA_BYTES), IOVEC + 8);
  }

  /** Makes the kernel note when what comes on this socket arrives. One that cannot gives no times: see `arrivedAt`. */
  watch(fd: number): void {
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, new Int32Array([1]), 4);
  }

  /**
   * Receives what is there.
   * @returns its number of bytes, 0 if the peer has closed the connection, -1 if there is nothing or it is broken
   */
  receive(fd: number): number {
    this.#bytes.writeBigUInt64LE(BigInt(CONTROL_BYTES), MSG_CONTROLLEN);
    return Number(recvmsg(fd, this.#block, MSG_DONTWAIT));
  }

  /** What was received last; one character is one byte. */
  text(count: number): string {
    return this.#bytes.toString('latin1', DATA, DATA + count);
  }

  /** When the end of what was received last arrived, performance.now() milliseconds; `now` where that is not known. */
  arrivedAt(now: number): number {
    const stamped =
      this.#bytes.readBigUInt64LE(MSG_CONTROLLEN) > 0n &&
      this.#bytes.readInt32LE(CONTROL + CMSG_TYPE) === SO_TIMESTAMPNS;
    if (!stamped) return now;
    if (now > this.#comparedAt + COMPARE_MS) this.#compareClocks();
    const seconds = Number(this.#bytes.readBigInt64LE(CONTROL + CMSG_DATA));
    const nanoseconds = Number(this.#bytes.readBigInt64LE(CONTROL + CMSG_DATA + 8));
    return seconds * 1000 + nanoseconds / 1e6 - this.#offset;
  }

  #compareClocks(): void {
    let shortest = Infinity;
    for (let i = 0; i < COMPARISONS; i++) {
      const before = performance.now();
      clockGettime(CLOCK_REALTIME, this.#time);
      const after = performance.now();
      if (after - before >= shortest) continue;
      shortest = after - before;
      this.#offset = Number(this.#time[0]) * 1000 + Number(this.#time[1]) / 1e6 - (before + after) / 2;
    }
    this.#comparedAt = performance.now();
  }
}
