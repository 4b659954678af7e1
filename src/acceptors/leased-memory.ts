/**
 * Shared memory for acceptors that run on their own threads: for lanes, request readers and log lines. Only the main
 * thread allocates. An acceptor that needs another lane sends a request and blocks until the response, some tens of
 * microseconds if the main thread is busy. That is rare: lanes are kept for the next batches, so a model allocates a
 * few when it begins to serve, and more only under a load that is higher than any before.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { LightscoreError } from '../errors.js';
import type { Regions, SharedMemory } from '../scoring/memory.js';
import type { ServedModel } from '../scoring/served-model.js';
import { invariant } from '../invariant.js';

/** How long an acceptor's event loop may block for an allocation; after that the allocation fails. */
const ALLOCATION_TIMEOUT_MS = 1000;
/** The timeout while the acceptor's thread starts, when the main thread is busy too. */
const START_ALLOCATION_TIMEOUT_MS = 30_000;

interface AllocationRequest {
  readonly id: number;
  readonly bytes: number;
}

interface AllocationResponse {
  readonly id: number;
  /** Undefined if the memory is exhausted. */
  readonly address: number | undefined;
}

/** Returns a region that is no longer needed. */
interface Release {
  readonly address: number;
}

/** What the acceptor's thread is given to allocate through. */
export interface LeaseEndpoint {
  readonly port: MessagePort;
  /** One element: the number of responses posted to `port` so far. The acceptor waits on it. */
  readonly responses: Int32Array;
}

/** The shared memory as one acceptor's thread sees it. `free` returns its lanes and the images that were lent to it. */
export class LeasedMemory implements Regions {
  readonly #endpoint: LeaseEndpoint;
  #requests = 0;
  #timeoutMs = START_ALLOCATION_TIMEOUT_MS;

  constructor(
    readonly memory: WebAssembly.Memory,
    endpoint: LeaseEndpoint,
  ) {
    this.#endpoint = endpoint;
  }

  /** The thread has started: from now on clients would wait for a slow allocation, so the timeout is short. */
  started(): void {
    this.#timeoutMs = ALLOCATION_TIMEOUT_MS;
  }

  allocate(bytes: number): number {
    const { port, responses } = this.#endpoint;
    const id = ++this.#requests;
    const request: AllocationRequest = { id, bytes };
    port.postMessage(request);
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      // Read before the port: a response that arrives after the port was read changes it, and the wait ends at once.
      const posted = Atomics.load(responses, 0);
      const response = this.#receive(id);
      if (response?.address !== undefined) {
        // If another thread has grown the memory, this thread may not see it yet; growing by zero pages refreshes it.
        if (this.memory.buffer.byteLength < response.address + bytes) this.memory.grow(0);
        return response.address;
      }
      const left = deadline - performance.now();
      if (response !== undefined || left <= 0)
        throw new LightscoreError('MODEL_UNSUPPORTED', `not enough shared memory for ${bytes} bytes`);
      Atomics.wait(responses, 0, posted, left);
    }
  }

  free(address: number): void {
    const release: Release = { address };
    this.#endpoint.port.postMessage(release);
  }

  #receive(id: number): AllocationResponse | undefined {
    const { port } = this.#endpoint;
    for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
      const response = received.message as AllocationResponse;
      if (response.id === id) return response;
      // This response belongs to a request that timed out; nobody will use the region.
      if (response.address !== undefined) this.free(response.address);
    }
    return undefined;
  }
}

/** The main thread's side: it records what one acceptor holds of the shared memory. */
export class MemoryLender {
  /** For the acceptor's thread; its port must be transferred. */
  readonly endpoint: LeaseEndpoint;
  readonly #memory: SharedMemory;
  readonly #port: MessagePort;
  /**
   * How to take back each address that is lent. An image may be lent twice: the acceptor serves with it again while
   * batches from before are still in flight.
   */
  readonly #leases = new Map<number, (() => void)[]>();

  constructor(memory: SharedMemory) {
    const { port1, port2 } = new MessageChannel();
    this.#memory = memory;
    this.#port = port1;
    this.endpoint = { port: port2, responses: new Int32Array(new SharedArrayBuffer(4)) };
    port1.on('message', (message: AllocationRequest | Release) => {
      if ('bytes' in message) this.#allocate(message);
      else this.#takeBack(message.address);
    });
  }

  /** Keeps a model's image alive until the acceptor frees its address. */
  lendImage(model: ServedModel): void {
    model.hold();
    this.#lend(model.image, () => model.release());
  }

  /** Takes everything back: the acceptor's thread and its workers have ended. */
  close(): void {
    this.#port.close();
    for (const takeBack of [...this.#leases.values()].flat()) takeBack();
    this.#leases.clear();
  }

  #lend(address: number, takeBack: () => void): void {
    this.#leases.set(address, [...(this.#leases.get(address) ?? []), takeBack]);
  }

  #takeBack(address: number): void {
    const [takeBack, ...others] = this.#leases.get(address) ?? [];
    invariant(takeBack !== undefined, 'memory is given back that was not lent');
    if (others.length > 0) this.#leases.set(address, others);
    else this.#leases.delete(address);
    takeBack();
  }

  #allocate({ id, bytes }: AllocationRequest): void {
    let address: number | undefined;
    try {
      const region = this.#memory.allocate(bytes);
      this.#lend(region, () => this.#memory.free(region));
      address = region;
    } catch (error) {
      if (!(error instanceof LightscoreError)) throw error;
    }
    const response: AllocationResponse = { id, address };
    this.#port.postMessage(response);
    Atomics.add(this.endpoint.responses, 0, 1);
    Atomics.notify(this.endpoint.responses, 0);
  }
}
