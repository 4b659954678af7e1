/**
 * The WebAssembly memory that all threads share. Booster images and lanes are regions of it, which the main thread
 * allocates and frees. The memory never shrinks, so regions are reused; no garbage collector is involved.
 */
import { LightscoreError } from '../errors.js';
import { invariant } from '../invariant.js';
import { FreeRegions } from './free-regions.js';
import { writePowersOfTen } from './powers.js';

const PAGE = 65_536;
const ALIGNMENT = 64;
/** 4 GiB, the limit of 32-bit addresses. Only address space is reserved; memory is committed as it grows. */
const MAX_PAGES = 65_536;
/** The first page holds constant tables: the kernel's (exp), which every instance writes, and the powers of ten. */
const FIRST_ADDRESS = PAGE;

/** Allocates regions of the shared memory: the memory itself, or one thread's access to it. */
export interface Regions {
  readonly memory: WebAssembly.Memory;
  /** @throws LightscoreError MODEL_UNSUPPORTED if there is not enough memory */
  allocate(bytes: number): number;
  free(address: number): void;
}

export class SharedMemory implements Regions {
  readonly memory = new WebAssembly.Memory({ initial: 2, maximum: MAX_PAGES, shared: true });
  readonly #free = new FreeRegions();
  /** Size of each region in use, by address. */
  readonly #used = new Map<number, number>();
  #usedBytes = 0;

  constructor() {
    this.#free.give({ address: FIRST_ADDRESS, bytes: this.totalBytes - FIRST_ADDRESS });
    writePowersOfTen(this.memory);
  }

  /** Total size of the regions in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Size of the whole memory. */
  get totalBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /**
   * @param bytes more than 0
   * @returns the address of a region of at least `bytes`, 64-byte aligned, whose old contents are not cleared
   * @throws LightscoreError MODEL_UNSUPPORTED if it does not fit into 4 GiB
   */
  allocate(bytes: number): number {
    invariant(bytes > 0, 'the size of an allocation is not positive');
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

  /** Checks that every byte after the first page is either free or in use. */
  #checkSum(): void {
    invariant(
      FIRST_ADDRESS + this.#usedBytes + this.#free.bytes === this.totalBytes,
      'the free and the used regions of the shared memory do not add up to its size',
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
        `not enough shared memory for ${size} bytes (its size is ${end} bytes, the limit ${MAX_PAGES * PAGE})`,
        { cause: error },
      );
    }
    this.#free.give({ address: end, bytes: pages * PAGE });
  }
}
