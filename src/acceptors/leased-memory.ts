/**
 * Shared memory for acceptors on threads of their own: lanes, and what reads requests and writes log lines. The main
 * thread alone hands it out; an acceptor that needs another lane asks and waits for the answer, some tens of
 * microseconds where the main thread is busy. That is rare: lanes are kept for the next batch, so that a model takes a
 * few when it begins to serve, and more only under a load that it has not seen before.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { LightscoreError } from '../errors.js';
import type { Regions, SharedMemory } from '../scoring/memory.js';
import type { ServedModel } from '../scoring/served-model.js';

/**
 * How long an acceptor's event loop may stand still for a lane; past it the rows are refused like those for which there
 * is no room.
 */
const PATIENCE_MS = 1000;
/** The same while the thread starts and the main thread with it. */
const START_PATIENCE_MS = 30_000;

interface LaneQuestion {
  readonly id: number;
  readonly bytes: number;
}

interface LaneAnswer {
  readonly id: number;
  /** Undefined where there is no room. */
  readonly address: number | undefined;
}

/** An address that is needed no more. */
interface Return {
  readonly address: number;
}

/** An acceptor's end. */
export interface LeaseEnd {
  readonly port: MessagePort;
  /** [1] counts the answers that lie in `port`. */
  readonly answers: Int32Array;
}

/**
 * The shared memory as one acceptor's thread sees it. `free` takes lanes, and images that were published to it, too.
 */
export class LeasedMemory implements Regions {
  #asked = 0;
  #patienceMs = START_PATIENCE_MS;

  constructor(
    readonly memory: WebAssembly.Memory,
    private readonly end: LeaseEnd,
  ) {}

  /** From now on nobody may be kept waiting for long. */
  started(): void {
    this.#patienceMs = PATIENCE_MS;
  }

  allocate(bytes: number): number {
    const { port, answers } = this.end;
    const id = ++this.#asked;
    const question: LaneQuestion = { id, bytes };
    port.postMessage(question);
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      const answered = Atomics.load(answers, 0);
      const answer = this.#answer(id);
      if (answer?.address !== undefined) {
        // Another thread's growth of the memory may not show here yet; growing by nothing looks again.
        if (this.memory.buffer.byteLength < answer.address + bytes) this.memory.grow(0);
        return answer.address;
      }
      const left = deadline - performance.now();
      if (answer !== undefined || left <= 0)
        throw new LightscoreError('MODEL_UNSUPPORTED', `no room for ${bytes} bytes in the shared memory`);
      Atomics.wait(answers, 0, answered, left);
    }
  }

  free(address: number): void {
    const back: Return = { address };
    this.end.port.postMessage(back);
  }

  #answer(id: number): LaneAnswer | undefined {
    for (
      let received = receiveMessageOnPort(this.end.port);
      received !== undefined;
      received = receiveMessageOnPort(this.end.port)
    ) {
      const answer = received.message as LaneAnswer;
      if (answer.id === id) return answer;
      // Of a question that was given up.
      if (answer.address !== undefined) this.free(answer.address);
    }
    return undefined;
  }
}

/** The main thread's end: what one acceptor has of the shared memory. */
export class MemoryLender {
  /** For the acceptor's thread; transfer its port. */
  readonly end: LeaseEnd;
  readonly #port: MessagePort;
  /** By address, how to take it back: an image twice while batches of an earlier stay are still on their way. */
  readonly #leases = new Map<number, (() => void)[]>();

  constructor(private readonly memory: SharedMemory) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.end = { port: port2, answers: new Int32Array(new SharedArrayBuffer(4)) };
    port1.on('message', (message: LaneQuestion | Return) => {
      if ('bytes' in message) this.#answer(message);
      else this.#takeBack(message.address);
    });
  }

  /** Keeps a model's image in place until the acceptor frees its address. */
  lendImage(model: ServedModel): void {
    model.hold();
    this.#lend(model.image, () => model.release());
  }

  /** The acceptor's thread, and the workers it had, have ended. */
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
    if (others.length > 0) this.#leases.set(address, others);
    else this.#leases.delete(address);
    takeBack?.();
  }

  #answer({ id, bytes }: LaneQuestion): void {
    let address: number | undefined;
    try {
      const lane = this.memory.allocate(bytes);
      this.#lend(lane, () => this.memory.free(lane));
      address = lane;
    } catch (error) {
      if (!(error instanceof LightscoreError)) throw error;
    }
    const answer: LaneAnswer = { id, address };
    this.#port.postMessage(answer);
    Atomics.add(this.end.answers, 0, 1);
    Atomics.notify(this.end.answers, 0);
  }
}
