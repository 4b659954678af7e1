/** Ownership of native objects: each is freed once, and not before those that refer to it. */
import type { Pointer } from './library.js';

/**
 * A native object and the objects that must outlive it.
 *
 * The object is freed once: by `free`, or after the garbage collection of its owner. Objects it refers to (a booster's
 * data sets) stay until then, even after their own owners are collected: finalizers run in no particular order.
 */
export class NativeHandle {
  #owners = 1;
  readonly #uses: NativeHandle[] = [];

  #pointer: Pointer | undefined;
  readonly #destroy: (pointer: Pointer) => void;
  readonly #what: string;

  constructor(pointer: Pointer | undefined, destroy: (pointer: Pointer) => void, what: string) {
    this.#pointer = pointer;
    this.#destroy = destroy;
    this.#what = what;
  }

  /** @throws Error if it was freed already, which is a defect of the caller, not of its input */
  get address(): Pointer {
    if (this.#pointer === undefined) throw new Error(`this ${this.#what} was freed already`);
    return this.#pointer;
  }

  keep(other: NativeHandle): void {
    other.#owners++;
    this.#uses.push(other);
  }

  release(): void {
    if (--this.#owners > 0 || this.#pointer === undefined) return;
    const pointer = this.#pointer;
    this.#pointer = undefined;
    this.#destroy(pointer);
    for (const other of this.#uses.splice(0)) other.release();
  }
}

const collected = new FinalizationRegistry<NativeHandle>((handle) => handle.release());

/** The base of classes that own a native object: `free()` (or `using`) frees it now, the garbage collector later. */
export abstract class NativeOwner implements Disposable {
  protected constructor(readonly handle: NativeHandle) {
    collected.register(this, handle, this);
  }

  /**
   * Frees the native memory, or leaves that to the last native object that still refers to it. Freeing twice does
   * nothing.
   */
  free(): void {
    if (collected.unregister(this)) this.handle.release();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
