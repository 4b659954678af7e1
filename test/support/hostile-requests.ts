/**
 * Requests that no well-meaning client sends, made from a seed, and a run of them against a server with good requests
 * beside them.
 */
import { Random } from '../../src/train/random.js';
import { close, type Golden } from './golden.js';
import { RawConnection, postBytes } from './raw-connection.js';

const BAD_CHUNKS = ['ZZ\r\n', '-1\r\nx', 'ffffffffffffffffff\r\n', '5\r\nab', '1\r\nab\r\n0\r\n\r\n'];

/** Digits of a number beyond the range of a double. */
function hugeNumber(random: Random): string {
  return `${random.chance(0.5) ? '-' : ''}${1 + random.below(9)}${'0'.repeat(308 + random.below(2000))}`;
}

/** A number of features that no model here has. */
function wrongCount(random: Random): number {
  return random.chance(0.9) ? random.below(15) : 16 + random.below(5000);
}

/**
 * What the server may do: refuse with a 4xx; or, where the request may be right after all, score it; or, where it is
 * not HTTP, cut it off.
 */
type Expected = 'refused' | 'refused or scored' | 'anything but a failure';

export interface HostileRequest {
  readonly kind: string;
  readonly bytes: Buffer;
  readonly expected: Expected;
  /** Leave without waiting for an answer. */
  readonly leaves: boolean;
}

type Make = (random: Random, golden: Golden) => Pick<HostileRequest, 'bytes' | 'expected' | 'leaves'>;

const path = (random: Random): '/score' | '/score_batch' => (random.chance(0.3) ? '/score_batch' : '/score');
const goodBody = (random: Random, { rows, feature_names }: Golden): Record<string, unknown> => ({
  features: rows[random.below(rows.length)],
  ...(random.chance(0.5) && { feature_names }),
  request_id: `hostile-${random.bits()}`,
});
const refused = (bytes: Buffer): ReturnType<Make> => ({ bytes, expected: 'refused', leaves: false });
/** A body for `/score`, or wrapped as the only item of a batch. */
const post = (random: Random, body: string): Buffer => {
  const to = path(random);
  return postBytes(to, to === '/score' ? body : `[${body}]`);
};

const WRONG_VALUES = [
  '"1"',
  'Infinity',
  '-Infinity',
  'True',
  'None',
  '[]',
  '[1]',
  '{}',
  '1e999',
  '-1e400',
  '"NaN"',
  `"${'9'.repeat(400)}"`,
  '{"$numberDouble":"1"}',
];
const WRONG_BODIES = [
  'null',
  '0',
  '-1',
  'true',
  '""',
  '"text"',
  '[]',
  '[[]]',
  '[null]',
  '{}',
  '{"features":null}',
  '{"features":{}}',
  '{"features":"x"}',
  '{"features":1}',
  '{"feature":[1]}',
  '{"features":[],"features":{}}',
];
const ODD_FIELDS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  ' ',
  '\\u0000',
  '../../etc/passwd',
  '<script>',
  '${7*7}',
  'Features',
  'features ',
];
const GARBAGE = [
  '\0\0\0\0',
  '\r\n\r\n\r\n\r\n',
  'HELO mail\r\n',
  '\x16\x03\x01\x02\x00\x01',
  'GET\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'POST /score HTTP/9.9\r\n\r\n',
  ' / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /score HTTP/1.1\r\nHost a\r\n\r\n',
];

const KINDS: Readonly<Record<string, Make>> = {
  'cut-off JSON': (random, golden) => {
    const body = JSON.stringify(goodBody(random, golden));
    return refused(postBytes(path(random), body.slice(0, random.below(body.length))));
  },
  'JSON with a byte changed': (random, golden) => {
    const body = Buffer.from(JSON.stringify(goodBody(random, golden)));
    body[random.below(body.length)] = random.below(256);
    return {
      bytes: Buffer.concat([
        postBytes('/score', '').subarray(0, -4 - 'Content-Length: 0'.length),
        Buffer.from(`Content-Length: ${body.length}\r\n\r\n`),
        body,
      ]),
      expected: 'refused or scored',
      leaves: false,
    };
  },
  'random bytes as JSON': (random) => {
    const body = Buffer.from(Array.from({ length: 1 + random.below(300) }, () => random.below(256)));
    return refused(
      Buffer.concat([
        Buffer.from(
          `POST ${path(random)} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Le` +
            `ngth: ${body.length}\r\n\r\n`,
        ),
        body,
      ]),
    );
  },
  'a body of another type': (random) => refused(postBytes('/score', WRONG_BODIES[random.below(WRONG_BODIES.length)])),
  'a value of another type': (random, { rows }) => {
    const values = rows[random.below(rows.length)].map((value) => JSON.stringify(value));
    values[random.below(values.length)] = WRONG_VALUES[random.below(WRONG_VALUES.length)];
    return refused(post(random, `{"features":[${values.join()}]}`));
  },
  'huge numbers': (random) =>
    refused(post(random, `{"features":[${Array.from({ length: 15 }, () => hugeNumber(random)).join()}]}`)),
  'the wrong number of features': (random) =>
    refused(post(random, `{"features":[${Array.from({ length: wrongCount(random) }, () => random.below(9)).join()}]}`)),
  'deep nesting': (random) => {
    const depth = 1 + random.below(random.chance(0.05) ? 200_000 : 2000);
    const body = random.chance(0.5)
      ? '['.repeat(depth) + ']'.repeat(depth)
      : `{"features":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
    return refused(postBytes(path(random), body));
  },
  'an odd field': (random, { rows }) =>
    refused(
      post(
        random,
        `{"features":[${rows[0].join()}],"${ODD_FIELDS[random.below(ODD_FIELDS.length)]}":{"feature` +
          `s":[1],"request_id":"polluted"}}`,
      ),
    ),
  'long strings': (random, { rows }) => {
    const long = 'x'.repeat(300 + random.below(random.chance(0.05) ? 1_000_000 : 5000));
    return refused(
      post(
        random,
        random.chance(0.5)
          ? `{"features":[${rows[0].join()}],"request_id":"${long}"}`
          : `{"features":[${rows[0].join()}],"${long}":1}`,
      ),
    );
  },
  'wrong names': (random, { rows, feature_names }) => {
    const names: unknown[] = [...feature_names];
    names[random.below(names.length)] = [
      1,
      null,
      'age ',
      '__proto__',
      names[(random.below(names.length - 1) + 1) % names.length],
      'x'.repeat(300),
    ][random.below(6)];
    return new Set(names).size === feature_names.length &&
      names.every((name) => feature_names.some((known) => known === name))
      ? {
          bytes: post(random, JSON.stringify({ features: rows[0], feature_names: names })),
          expected: 'refused or scored',
          leaves: false,
        }
      : refused(post(random, JSON.stringify({ features: rows[0], feature_names: names })));
  },
  'a batch with one bad item': (random, golden) => {
    const items: unknown[] = Array.from({ length: 1 + random.below(50) }, () => goodBody(random, golden));
    items[random.below(items.length)] = [null, 1, [], { features: [] }, { features: 'x' }][random.below(5)];
    return refused(postBytes('/score_batch', JSON.stringify(items)));
  },
  'another content type': (random, golden) => {
    const body = JSON.stringify(goodBody(random, golden));
    return refused(
      Buffer.from(
        `POST /score HTTP/1.1\r\nHost: a\r\nContent-Type: ` +
          `${['text/plain', 'application/xml', 'json', 'x'.repeat(500)][random.below(4)]}\r\nContent-Length` +
          `: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    );
  },
  'an odd target': (random, golden) => {
    const target = [
      '/',
      '/score/',
      '/scores',
      '/score?explain=x',
      '/score?top_k=0',
      '/score?%',
      `/score?${'a'.repeat(3000)}`,
      '/../score',
      '//score',
      '/%00',
      '/score_batch?x=1',
      '/admin/x',
      '/healthz',
    ][random.below(13)];
    return refused(postBytes(target, JSON.stringify(goodBody(random, golden))));
  },
  'another method': (random) =>
    refused(
      Buffer.from(
        `${['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW'][random.below(7)]} ` +
          `${path(random)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      ),
    ),
  'half a request, then gone': (random, golden) => {
    const request = postBytes('/score', JSON.stringify(goodBody(random, golden)));
    return {
      bytes: request.subarray(0, random.below(request.length)),
      expected: 'anything but a failure',
      leaves: true,
    };
  },
  'a whole request, then gone': (random, golden) => ({
    bytes: post(random, JSON.stringify(goodBody(random, golden))),
    expected: 'anything but a failure',
    leaves: true,
  }),
  'a length that is none': (random) => ({
    bytes: Buffer.from(
      `POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: ` +
        `${['-1', 'x', '99999999999999999999', '1e3', '0x10', ''][random.below(6)]}\r\n\r\n{}`,
    ),
    expected: 'anything but a failure',
    leaves: random.chance(0.9),
  }),
  'chunks that are none': (random) => ({
    bytes: Buffer.from(
      `POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked` +
        `\r\n\r\n${BAD_CHUNKS[random.below(BAD_CHUNKS.length)]}`,
    ),
    expected: 'anything but a failure',
    leaves: true,
  }),
  'two requests in one': (random, golden) => ({
    bytes: Buffer.concat([postBytes('/score', JSON.stringify(goodBody(random, golden))), postBytes('/score', '{')]),
    expected: 'anything but a failure',
    leaves: random.chance(0.5),
  }),
  'no HTTP': (random) => ({
    bytes: random.chance(0.3)
      ? Buffer.from(Array.from({ length: 1 + random.below(2000) }, () => random.below(256)))
      : Buffer.from(GARBAGE[random.below(GARBAGE.length)], 'latin1'),
    expected: 'anything but a failure',
    leaves: true,
  }),
  'headers without end': (random) => ({
    bytes: Buffer.from(
      `GET / HTTP/1.1\r\nHost: a` +
        `\r\n${`X-${random.bits()}: ${'y'.repeat(random.below(200))}\r\n`.repeat(1 + random.below(500))}`,
    ),
    expected: 'anything but a failure',
    leaves: true,
  }),
};
const NAMES = Object.keys(KINDS);

export function hostileRequest(random: Random, golden: Golden): HostileRequest {
  const kind = NAMES[random.below(NAMES.length)];
  return { kind, ...KINDS[kind](random, golden) };
}

export interface HostileSummary {
  /** By kind of request. */
  readonly sent: Readonly<Record<string, number>>;
  /** By status; `closed` where the connection was cut, `left` where the client did not wait. */
  readonly answers: Readonly<Record<string, number>>;
  /** Good requests that were scored right beside them. */
  readonly good: number;
  /** What was not as it should be, one line each. */
  readonly faults: readonly string[];
}

/** A good request goes out after so many hostile ones. */
const GOOD_EVERY = 5;
const SHOWN = 200;

/**
 * Sends `count` hostile requests over `width` connections at a time, and good ones beside them.
 * @param onDone called with the number of hostile requests done, after each
 */
export async function sendHostile(
  port: number,
  golden: Golden,
  count: number,
  seed: number,
  width = 16,
  onDone: (done: number) => void = () => {},
): Promise<HostileSummary> {
  const sent: Record<string, number> = {};
  const answers: Record<string, number> = {};
  const faults: string[] = [];
  let good = 0;
  let next = 0;
  let done = 0;
  const add = (tally: Record<string, number>, key: string): void => {
    tally[key] = (tally[key] ?? 0) + 1;
  };

  const sendOne = async (
    connection: RawConnection,
    { kind, bytes, expected, leaves }: HostileRequest,
  ): Promise<void> => {
    add(sent, kind);
    await connection.send(bytes);
    if (leaves) {
      connection.close();
      add(answers, 'left');
      return;
    }
    const answer = await connection.answer();
    add(answers, answer === undefined ? 'closed' : String(answer.status));
    const status = answer?.status ?? 0;
    const isRefused = status >= 400 && status < 500;
    const fine =
      expected === 'refused'
        ? isRefused
        : expected === 'refused or scored'
          ? isRefused || status === 200
          : status < 500 || status === 505;
    if (!fine)
      faults.push(
        `${kind}: ${answer === undefined ? 'closed' : status}: ` +
          `${bytes.toString('latin1', 0, SHOWN)} -> ${answer?.body.slice(0, SHOWN)}`,
      );
    // What stood behind such a request is of no use to the next one.
    if (expected === 'anything but a failure' || answer?.headers.get('connection') === 'close') connection.close();
  };

  const sendGood = async (connection: RawConnection, row: number): Promise<void> => {
    const id = `good-${row}-${good}`;
    await connection.send(postBytes('/score', JSON.stringify({ features: golden.rows[row], request_id: id })));
    const answer = await connection.answer();
    if (answer?.status !== 200) {
      faults.push(
        `a good request: ${answer === undefined ? 'closed' : `${answer.status} ${answer.body.slice(0, SHOWN)}`}`,
      );
      return;
    }
    const { confidence_score, request_id }: { confidence_score: number; request_id: string } = JSON.parse(answer.body);
    if (request_id !== id || !close(confidence_score, golden.calibrated[row]))
      faults.push(`a good request got another answer: ${answer.body.slice(0, SHOWN)}`);
    good++;
  };

  const run = async (): Promise<void> => {
    let hostile = await RawConnection.open(port);
    let kept = await RawConnection.open(port);
    for (let index = next++; index < count; index = next++) {
      // Each from its own seed, so that a fault can be had again.
      const random = new Random(seed + index);
      // A refusal of the last request may have closed it.
      if (hostile.closed || hostile.socket.destroyed) hostile = await RawConnection.open(port);
      await sendOne(hostile, hostileRequest(random, golden));
      if (index % GOOD_EVERY === 0) {
        if (kept.closed) kept = await RawConnection.open(port);
        await sendGood(kept, random.below(golden.rows.length));
      }
      onDone(++done);
    }
    hostile.close();
    kept.close();
  };
  await Promise.all(Array.from({ length: width }, run));
  return { sent, answers, good, faults };
}
