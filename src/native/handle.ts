import type { Pointer } from './library.js';

/**
 * A native object and the objects it must not outlive.
 *
 * The object is freed once: by `free`, or when its owner was collected. Objects it refers to (a booster's data sets)
 * stay until then, even where their own owners are gone: finalizers run in no particular order.
 */
export class NativeHandle {
  private owners = 1;
  private readonly uses: NativeHandle[] = [];

  constructor(
    private pointer: Pointer | undefined,
    private readonly destroy: (pointer: Pointer) => void,
    private readonly what: string,
  ) {}

  /** @throws Error if it was freed already: a mistake of the caller, not of its input. */
  get address(): Pointer {
    if (this.pointer === undefined) throw new Error(`this ${this.what} was freed already`);
    return this.pointer;
  }

  keep(other: NativeHandle): void {
    other.owners++;
    this.uses.push(other);
  }

  release(): void {
    if (--this.owners > 0 || this.pointer === undefined) return;
    const { pointer } = this;
    this.pointer = undefined;
    this.destroy(pointer);
    for (const other of this.uses.splice(0)) other.release();
  }
}

const collected = new FinalizationRegistry<NativeHandle>((handle) => handle.release());

/** Base of the classes that own a native object: `free()` (or `using`) frees it now, the collector later. */
export abstract class NativeOwner implements Disposable {
  protected constructor(readonly handle: NativeHandle) {
    collected.register(this, handle, this);
  }

  /**
   * Frees the native memory, unless something native still needs it; that frees it then. Freeing twice does nothing.
   */
  free(): void {
    if (collected.unregister(this)) this.handle.release();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
