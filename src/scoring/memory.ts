/**
 * The one WebAssembly memory that all threads share: booster images and lanes live in regions of it, handed out and
 * taken back by the front end's thread. Memory never shrinks, so regions are reused; nothing here is left to a garbage
 * collector.
 */
import { LightscoreError } from '../errors.js';
import { writePowersOfTen } from './powers.js';

const PAGE = 65_536;
const ALIGNMENT = 64;
/** 4 GiB, all that 32-bit addresses reach; reserved as addresses only, committed as it grows. */
const MAXIMUM_PAGES = 65_536;
/** The first page holds constant tables: the kernel's own (exp), written alike by every instance, and powers of ten. */
const FIRST_ADDRESS = PAGE;

interface Region {
  address: number;
  bytes: number;
}

/** What lanes are made in: the whole memory, or one thread's access to it. */
export interface Regions {
  readonly memory: WebAssembly.Memory;
  /** @throws LightscoreError MODEL_UNSUPPORTED where there is no room */
  allocate(bytes: number): number;
  free(address: number): void;
}

export class SharedMemory implements Regions {
  readonly memory = new WebAssembly.Memory({ initial: 2, maximum: MAXIMUM_PAGES, shared: true });
  /** Ascending by address, never touching each other. */
  readonly #free: Region[] = [{ address: FIRST_ADDRESS, bytes: PAGE }];
  readonly #used = new Map<number, number>();

  constructor() {
    writePowersOfTen(this.memory);
  }

  /** Bytes of all regions in use. */
  get usedBytes(): number {
    return [...this.#used.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Bytes of the whole memory. */
  get totalBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /**
   * @param bytes more than 0
   * @returns the address of a region of at least `bytes`, 64-byte aligned; what it held before is still in it
   * @throws LightscoreError MODEL_UNSUPPORTED where 4 GiB cannot hold it
   */
  allocate(bytes: number): number {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const fits = this.#free.findIndex((region) => region.bytes >= size);
    if (fits >= 0) {
      const region = this.#free[fits];
      const { address } = region;
      if (region.bytes === size) this.#free.splice(fits, 1);
      else {
        region.address += size;
        region.bytes -= size;
      }
      this.#used.set(address, size);
      return address;
    }
    this.#grow(size);
    return this.allocate(bytes);
  }

  free(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new RangeError(`no region at address ${address}`);
    this.#used.delete(address);
    this.#release({ address, bytes });
  }

  #grow(size: number): void {
    const end = this.totalBytes;
    const last = this.#free.at(-1);
    const atEnd = last !== undefined && last.address + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((size - atEnd) / PAGE);
    try {
      this.memory.grow(pages);
    } catch (error) {
      throw new LightscoreError(
        'MODEL_UNSUPPORTED',
        `no room for ${size} bytes in the shared memory (${end} bytes in use of ${MAXIMUM_PAGES * PAGE})`,
        { cause: error },
      );
    }
    this.#release({ address: end, bytes: pages * PAGE });
  }

  #release(region: Region): void {
    const after = this.#free.findIndex((other) => other.address > region.address);
    const at = after < 0 ? this.#free.length : after;
    this.#free.splice(at, 0, region);
    this.#join(at);
    this.#join(at - 1);
  }

  /** Joins free region `i` with the next one where they touch. */
  #join(i: number): void {
    const region = this.#free[i];
    const next = this.#free[i + 1];
    if (region === undefined || next === undefined || region.address + region.bytes !== next.address) return;
    region.bytes += next.bytes;
    this.#free.splice(i + 1, 1);
  }
}
