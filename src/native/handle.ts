/** The ownership of native objects: when each is freed, and what it keeps alive. */
import type { Pointer } from './library.js';

/**
 * A native object and the objects that must live as long as it does.
 *
 * The object is freed once: by `free`, or after its owner was garbage collected. Objects that it refers to (a booster's
 * data sets) live until then, even where their own owners are gone, because finalizers run in no particular order.
 */
export class NativeHandle {
  #pointer: Pointer | undefined;
  readonly #destroy: (pointer: Pointer) => void;
  readonly #what: string;
  #owners = 1;
  readonly #uses: NativeHandle[] = [];

  constructor(pointer: Pointer | undefined, destroy: (pointer: Pointer) => void, what: string) {
    this.#pointer = pointer;
    this.#destroy = destroy;
    this.#what = what;
  }

  /** @throws Error if it was freed already, which is a bug of the caller */
  get address(): Pointer {
    if (this.#pointer === undefined) throw new Error(`this ${this.#what} was freed already`);
    return this.#pointer;
  }

  /** Keeps `other` alive until this object is freed. */
  retain(other: NativeHandle): void {
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

/** Base of the classes that own a native object: `free()` (or `using`) frees it now, the garbage collector later. */
export abstract class NativeOwner implements Disposable {
  protected constructor(readonly handle: NativeHandle) {
    collected.register(this, handle, this);
  }

  /**
   * Frees the native memory, or leaves it until the last native object that still needs it is freed. A second call does
   * nothing.
   */
  free(): void {
    if (collected.unregister(this)) this.handle.release();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
