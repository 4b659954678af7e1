/**
 * Traffic that compares every answer with the score that its `model_version` gives for that body. It proves that no
 * request is lost, or answered by a mixture of two models, while models change. Each keep-alive connection sends one
 * request at a time, in a closed loop.
 */
import { type Socket, connect } from 'node:net';

/** One body, and the confidence score that each version gives for it, as JSON text. */
export interface VersionedBody {
  readonly body: string;
  readonly scores: ReadonlyMap<string, string>;
}

export interface TrafficResult {
  readonly answers: number;
  /** Number of answers by `model_version`. */
  readonly byVersion: ReadonlyMap<string, number>;
  /** Number of answers that were not a 200, or not the score of their version. */
  readonly wrong: number;
  /** Descriptions of the first wrong answers. */
  readonly complaints: readonly string[];
  /** Number of connections that ended while a request was pending. */
  readonly dropped: number;
}

const MAX_COMPLAINTS = 5;
const CLOSE = /\r\nconnection: *close/i;
const ANSWER = /^\{"confidence_score":([^,]+),.*"model_version":"([^"]+)"/s;

export class VersionedTraffic {
  readonly #requests: readonly string[];
  readonly #open = new Set<Socket>();
  readonly #byVersion = new Map<string, number>();
  readonly #complaints: string[] = [];
  #next = 0;
  #answers = 0;
  #wrong = 0;
  #dropped = 0;
  #stopping = false;
  #whenOver: (() => void) | undefined;

  /** The server listens on it, on 127.0.0.1. */
  readonly #port: number;
  readonly #bodies: readonly VersionedBody[];

  constructor(port: number, bodies: readonly VersionedBody[], headers = '') {
    this.#port = port;
    this.#bodies = bodies;
    this.#requests = bodies.map(
      ({ body }) =>
        `POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** Number of answers so far. */
  get answers(): number {
    return this.#answers;
  }

  start(connections: number): void {
    for (let i = 0; i < connections; i++) this.#connect();
  }

  /** Waits for the answer to every pending request, and closes the connections. */
  async stop(): Promise<TrafficResult> {
    this.#stopping = true;
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#whenOver = resolve));
    return {
      answers: this.#answers,
      byVersion: this.#byVersion,
      wrong: this.#wrong,
      complaints: this.#complaints,
      dropped: this.#dropped,
    };
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#open.add(socket);
    let sent = 0;
    let text = '';
    let connected = false;
    let pending = true;
    const send = (): void => {
      sent = this.#next;
      this.#next = (this.#next + 1) % this.#requests.length;
      socket.write(this.#requests[sent]);
    };
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      connected = true;
      send();
    });
    socket.on('data', (piece: string) => {
      text += piece;
      const header = text.indexOf('\r\n\r\n');
      if (header < 0) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? NaN);
      if (text.length < header + 4 + length) return;
      const isLast = CLOSE.test(text.slice(0, header));
      this.#check(text.slice(0, 12), text.slice(header + 4), this.#bodies[sent]);
      text = '';
      // Proxies close a connection after so many requests, and say so; nginx after a thousand.
      pending = !this.#stopping && !isLast;
      if (pending) send();
      else socket.end();
    });
    const over = (): void => {
      if (!this.#open.delete(socket)) return;
      if (!this.#stopping && pending) this.#dropped++;
      // A server that refused a connection is not called again.
      if (!this.#stopping && connected) this.#connect();
      else if (this.#open.size === 0) this.#whenOver?.();
    };
    socket.on('error', over);
    socket.on('close', over);
  }

  #check(status: string, answer: string, { body, scores }: VersionedBody): void {
    this.#answers++;
    const [, score, version] = ANSWER.exec(answer) ?? [];
    if (version !== undefined) this.#byVersion.set(version, (this.#byVersion.get(version) ?? 0) + 1);
    if (status === 'HTTP/1.1 200' && version !== undefined && scores.get(version) === score) return;
    this.#wrong++;
    if (this.#complaints.length < MAX_COMPLAINTS)
      this.#complaints.push(`${status} ${answer.slice(0, 300)} to ${body}; expected ${JSON.stringify([...scores])}`);
  }
}

/**
 * Returns the scores of the version that is served, for one body after another.
 * @throws Error on anything but a 200 of that version
 */
export async function scoresOf(origin: string, bodies: readonly string[], version: string): Promise<string[]> {
  const scores: string[] = [];
  for (const body of bodies) {
    const response = await fetch(`${origin}/score`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    });
    const [, score, answered] = ANSWER.exec(await response.text()) ?? [];
    if (response.status !== 200 || score === undefined || answered !== version)
      throw new Error(`${origin} answered ${response.status}, version ${answered}, to ${body}`);
    scores.push(score);
  }
  return scores;
}
