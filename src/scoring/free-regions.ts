/** The free regions of the shared memory, in ascending order of address: disjoint, and merged where they touch. */
import { invariant } from '../invariant.js';

export interface Region {
  address: number;
  bytes: number;
}

export class FreeRegions {
  readonly #regions: Region[] = [];
  #bytes = 0;

  /** Total size of the free regions. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Size of the free region that ends at `end`; 0 if there is none. */
  bytesBefore(end: number): number {
    const last = this.#regions.at(-1);
    return last !== undefined && last.address + last.bytes === end ? last.bytes : 0;
  }

  /**
   * Takes `bytes` from the first region that is large enough.
   * @returns their address; undefined if no region is large enough
   */
  take(bytes: number): number | undefined {
    const fits = this.#regions.findIndex((region) => region.bytes >= bytes);
    if (fits < 0) return undefined;
    const region = this.#regions[fits];
    const { address } = region;
    if (region.bytes === bytes) this.#regions.splice(fits, 1);
    else {
      region.address += bytes;
      region.bytes -= bytes;
    }
    this.#bytes -= bytes;
    return address;
  }

  give({ address, bytes }: Region): void {
    const after = this.#regions.findIndex((other) => other.address > address);
    const at = after < 0 ? this.#regions.length : after;
    const before = this.#regions[at - 1];
    const next = this.#regions[at];
    invariant(
      before === undefined || before.address + before.bytes <= address,
      'a region is freed that is already free',
    );
    invariant(
      next === undefined || address + bytes <= next.address,
      'a region is freed that overlaps the next free one',
    );
    this.#regions.splice(at, 0, { address, bytes });
    this.#bytes += bytes;
    this.#merge(at);
    this.#merge(at - 1);
  }

  /** Merges region `i` with the next one if they touch. */
  #merge(i: number): void {
    const region = this.#regions[i];
    const next = this.#regions[i + 1];
    if (region === undefined || next === undefined || region.address + region.bytes !== next.address) return;
    region.bytes += next.bytes;
    this.#regions.splice(i + 1, 1);
  }
}
