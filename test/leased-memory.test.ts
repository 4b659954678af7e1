/** Shared memory lent to threads: regions of their own, none left behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { type LeaseEndpoint, LeasedMemory, MemoryLender } from '../src/acceptors/leased-memory.js';
import { SharedMemory } from '../src/scoring/memory.js';
import { messageOf } from '../src/errors.js';

const MARK = 42;

interface Data {
  readonly memory: WebAssembly.Memory;
  readonly endpoint: LeaseEndpoint;
}

/** Asked of the thread: bytes to allocate, or an address to free. */
type Request = { readonly bytes: number } | { readonly address: number };

/** Allocates, and writes to the end of what it got, on a thread of its own. */
function borrow({ memory, endpoint }: Data): void {
  const leased = new LeasedMemory(memory, endpoint);
  leased.started();
  parentPort?.on('message', (request: Request) => {
    try {
      if ('address' in request) {
        leased.free(request.address);
        parentPort?.postMessage(request.address);
        return;
      }
      const address = leased.allocate(request.bytes);
      new Uint8Array(memory.buffer, address, request.bytes)[request.bytes - 1] = MARK;
      parentPort?.postMessage(address);
    } catch (error) {
      parentPort?.postMessage(messageOf(error));
    }
  });
}

interface Borrower {
  readonly memory: SharedMemory;
  readonly lender: MemoryLender;
  ask(request: Request): Promise<number | string>;
}

function start(t: TestContext): Borrower {
  const memory = new SharedMemory();
  const lender = new MemoryLender(memory);
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { memory: memory.memory, endpoint: lender.endpoint } satisfies Data,
    transferList: [lender.endpoint.port],
  });
  t.after(async () => {
    lender.close();
    await worker.terminate();
  });
  return {
    memory,
    lender,
    ask: async (request) => {
      worker.postMessage(request);
      const [answer] = (await once(worker, 'message')) as [number | string];
      return answer;
    },
  };
}

if (!isMainThread) borrow(workerData as Data);
else {
  test('a thread gets regions of its own, of memory that has to grow too, and gives them back', async (t) => {
    const { memory, ask } = start(t);
    const addresses: number[] = [];
    for (const bytes of [64, 100_000, 5_000_000, 40_000_000]) {
      const address = Number(await ask({ bytes }));
      assert.equal(new Uint8Array(memory.memory.buffer)[address + bytes - 1], MARK);
      addresses.push(address);
    }
    assert(memory.usedBytes >= 45_100_064);
    for (const address of addresses) await ask({ address });
    // The last return may still be on its way when the thread has answered.
    while (memory.usedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(memory.usedBytes, 0);
  });

  test('where memory is used up the thread is told, and goes on', async (t) => {
    const { ask } = start(t);
    assert.match(String(await ask({ bytes: 2 ** 33 })), /not enough shared memory for 8589934592 bytes/);
    assert.equal(typeof (await ask({ bytes: 64 })), 'number');
  });

  test('a thread that has ended leaves nothing behind', async (t) => {
    const { memory, lender, ask } = start(t);
    for (let i = 0; i < 10; i++) await ask({ bytes: 1000 });
    assert(memory.usedBytes >= 10_000);
    lender.close();
    assert.equal(memory.usedBytes, 0);
  });

  test('a thread waits no longer than a second, and gives back what came too late', async (t) => {
    const { memory, ask } = start(t);
    await ask({ bytes: 64 });
    const asked = ask({ bytes: 1000 });
    // This thread, which should answer, is busy with something else.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    assert.match(String(await asked), /not enough shared memory for 1000 bytes/);
    await ask({ bytes: 128 });
    while (memory.usedBytes > 64 + 128) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(memory.usedBytes, 64 + 128);
  });
}
