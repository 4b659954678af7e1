/**
 * The kernel and its memory for all models that the library holds on this thread. A WebAssembly memory reserves
 * gigabytes of addresses and goes when the garbage collector finds it, so models share one: a region that one gives
 * back is there for the next at once.
 */
import { type SharedScoringResources, createScoringResources } from '../scoring/kernel.js';
import type { SharedMemory } from '../scoring/memory.js';

let shared: SharedScoringResources<SharedMemory> | undefined;
let users = 0;

/** For one model, until `returnResources`. */
export function borrowResources(): SharedScoringResources<SharedMemory> {
  shared ??= createScoringResources();
  users++;
  return shared;
}

/** Lets the memory go with the last model. */
export function returnResources(): void {
  users--;
  if (users === 0) shared = undefined;
}
