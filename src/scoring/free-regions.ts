/** The free regions of the shared memory: ascending by address, apart from each other, joined where they touch. */
import { invariant } from '../invariant.js';

export interface Region {
  address: number;
  bytes: number;
}

export class FreeRegions {
  readonly #regions: Region[] = [];
  #bytes = 0;

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the one that ends at `end`; 0 where there is none. */
  bytesBefore(end: number): number {
    const last = this.#regions.at(-1);
    return last !== undefined && last.address + last.bytes === end ? last.bytes : 0;
  }

  /**
   * Takes `bytes` of the first region that has them.
   * @returns their address; undefined where no region is large enough
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
      'a region is freed that is free already',
    );
    invariant(next === undefined || address + bytes <= next.address, 'a region is freed that reaches into a free one');
    this.#regions.splice(at, 0, { address, bytes });
    this.#bytes += bytes;
    this.#join(at);
    this.#join(at - 1);
  }

  /** Joins region `i` with the next one where they touch. */
  #join(i: number): void {
    const region = this.#regions[i];
    const next = this.#regions[i + 1];
    if (region === undefined || next === undefined || region.address + region.bytes !== next.address) return;
    region.bytes += next.bytes;
    this.#regions.splice(i + 1, 1);
  }
}
