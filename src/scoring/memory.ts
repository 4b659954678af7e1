/**
 * The one WebAssembly memory that all threads share: booster images and lanes live in regions of it, handed out and
 * taken back by the front end's thread. Memory never shrinks, so regions are reused; nothing here is left to a garbage
 * collector.
 */
import { LightscoreError } from '../errors.js';
import { invariant } from '../invariant.js';
import { FreeRegions } from './free-regions.js';
import { writePowersOfTen } from './powers.js';

const PAGE = 65_536;
const ALIGNMENT = 64;
/** 4 GiB, all that 32-bit addresses reach; reserved as addresses only, committed as it grows. */
const MAXIMUM_PAGES = 65_536;
/** The first page holds constant tables: the kernel's own (exp), written alike by every instance, and powers of ten. */
const FIRST_ADDRESS = PAGE;

/** What lanes are made in: the whole memory, or one thread's access to it. */
export interface Regions {
  readonly memory: WebAssembly.Memory;
  /** @throws LightscoreError MODEL_UNSUPPORTED where there is no room */
  allocate(bytes: number): number;
  free(address: number): void;
}

export class SharedMemory implements Regions {
  readonly memory = new WebAssembly.Memory({ initial: 2, maximum: MAXIMUM_PAGES, shared: true });
  readonly #free = new FreeRegions();
  /** Bytes by address. */
  readonly #used = new Map<number, number>();
  #usedBytes = 0;

  constructor() {
    this.#free.give({ address: FIRST_ADDRESS, bytes: this.totalBytes - FIRST_ADDRESS });
    writePowersOfTen(this.memory);
  }

  /** Bytes of all regions in use. */
  get usedBytes(): number {
    return this.#usedBytes;
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
    invariant(bytes > 0, 'a region of no bytes is asked for');
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const address = this.#free.take(size);
    if (address === undefined) {
      this.#grow(size);
      return this.allocate(bytes);
    }
    this.#used.set(address, size);
    this.#usedBytes += size;
    this.#checkSum();
    return address;
  }

  free(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new RangeError(`no region at address ${address}`);
    this.#free.give({ address, bytes });
    this.#used.delete(address);
    this.#usedBytes -= bytes;
    this.#checkSum();
  }

  /** Every byte behind the first page is either free or in use. */
  #checkSum(): void {
    invariant(
      FIRST_ADDRESS + this.#usedBytes + this.#free.bytes === this.totalBytes,
      'the free regions of the shared memory and those in use do not add up to the whole',
    );
  }

  #grow(size: number): void {
    const end = this.totalBytes;
    const pages = Math.ceil((size - this.#free.bytesBefore(end)) / PAGE);
    try {
      this.memory.grow(pages);
    } catch (error) {
      throw new LightscoreError(
        'MODEL_UNSUPPORTED',
        `no room for ${size} bytes in the shared memory (${end} bytes in use of ${MAXIMUM_PAGES * PAGE})`,
        { cause: error },
      );
    }
    this.#free.give({ address: end, bytes: pages * PAGE });
  }
}
