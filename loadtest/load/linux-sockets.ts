/**
 * TCP sockets and epoll of libc, called through koffi. Node's own sockets cost a load generator about three times the
 * CPU per request; on a machine that it shares with the server, this would make the server look slower.
 *
 * Waiting blocks the thread, so the thread must do nothing else. IPv4 only.
 */
import koffi from 'koffi';

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const send = libc.func('int64_t send(int fd, void *data, size_t length, int flags)');
const recv = libc.func('int64_t recv(int fd, void *data, size_t length, int flags)');
const read = libc.func('int64_t read(int fd, void *into, size_t length)');
const close = libc.func('int close(int fd)');
const epollCreate = libc.func('int epoll_create1(int flags)');
const epollControl = libc.func('int epoll_ctl(int epoll, int operation, int fd, void *event)');
const epollWait = libc.func('int epoll_wait(int epoll, void *events, int maxEvents, int timeout)');
const timerCreate = libc.func('int timerfd_create(int clock, int flags)');
const timerSet = libc.func('int timerfd_settime(int fd, int flags, void *value, void *old)');

const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const CLOCK_MONOTONIC = 1;
// struct epoll_event is packed on x86-64 only.
const EVENT = process.arch === 'x64' ? { bytes: 12, data: 4 } : { bytes: 16, data: 8 };
const MAX_EVENTS = 1024;

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed with error ${koffi.errno()}`);
  return result;
}

/**
 * Receives up to `into.length` bytes.
 * @returns 0 if the peer has closed the connection, -1 if there is no data or the connection is broken
 */
export function receive(fd: number, into: Uint8Array): number {
  return Number(recv(fd, into, into.length, MSG_DONTWAIT));
}

/** Sends all of `bytes`, and waits while the peer reads. @returns false if the connection is broken */
export function sendAll(fd: number, bytes: Uint8Array): boolean {
  for (let sent = 0; sent < bytes.length;) {
    const rest = sent === 0 ? bytes : bytes.subarray(sent);
    const count = Number(send(fd, rest, rest.length, MSG_NOSIGNAL));
    if (count < 0) return false;
    sent += count;
  }
  return true;
}

export function closeSocket(fd: number): void {
  checked(close(fd), 'close');
}

/** An epoll set of connections, and at most one periodic timer. */
export class Connections {
  readonly #epoll = checked(epollCreate(0), 'epoll_create1');
  readonly #events = Buffer.alloc(EVENT.bytes * MAX_EVENTS);
  readonly #expirations = Buffer.alloc(8);
  #timer = -1;

  /**
   * @param host an IPv4 address
   * @returns the descriptor of a new connection, which is added to the set
   * @throws Error if the peer cannot be reached
   */
  open(host: string, port: number): number {
    const fd = checked(socket(AF_INET, SOCK_STREAM, 0), 'socket');
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    address.writeUInt16BE(port, 2);
    address.set(host.split('.').map(Number), 4);
    if (connect(fd, address, address.length) < 0) {
      const error: number = koffi.errno();
      closeSocket(fd);
      throw new Error(`connect to ${host}:${port} failed with error ${error}`);
    }
    checked(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, new Int32Array([1]), 4), 'setsockopt');
    this.#watch(fd, EPOLLIN);
    return fd;
  }

  /** Makes `wait` return every `seconds` too. */
  tick(seconds: number): void {
    this.#timer = checked(timerCreate(CLOCK_MONOTONIC, 0), 'timerfd_create');
    const nanoseconds = BigInt(Math.max(1, Math.round(seconds * 1e9)));
    const [whole, rest] = [nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n];
    checked(timerSet(this.#timer, 0, new BigInt64Array([whole, rest, whole, rest]), null), 'timerfd_settime');
    this.#watch(this.#timer, EPOLLIN);
  }

  /**
   * Waits until a connection can be read, the timer ticks or the time is over, then calls `readable` for each
   * connection that can be read.
   * @param milliseconds whole; 0 does not wait
   */
  wait(milliseconds: number, readable: (fd: number) => void): void {
    const count: number = epollWait(this.#epoll, this.#events, MAX_EVENTS, milliseconds);
    for (let i = 0; i < count; i++) {
      const fd = this.#events.readInt32LE(i * EVENT.bytes + EVENT.data);
      if (fd !== this.#timer) readable(fd);
      // The timer stays readable until its count is read.
      else read(fd, this.#expirations, 8);
    }
  }

  close(): void {
    if (this.#timer >= 0) closeSocket(this.#timer);
    closeSocket(this.#epoll);
  }

  #watch(fd: number, events: number): void {
    const event = Buffer.alloc(EVENT.bytes);
    event.writeUInt32LE(events, 0);
    event.writeInt32LE(fd, EVENT.data);
    checked(epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event), 'epoll_ctl');
  }
}
