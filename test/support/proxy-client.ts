/** A client of a proxy: connections are kept, and every answer is read whole. */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Answer } from './server.js';

export interface PostOptions {
  readonly headers?: OutgoingHttpHeaders;
  /** Without a length, in pieces. */
  readonly chunked?: boolean;
  /** The address to call from. */
  readonly from?: string;
}

const PIECE_BYTES = 60_000;

export class ProxyClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });

  /** @param port on 127.0.0.1 */
  constructor(port: number) {
    this.#port = port;
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path, undefined, {});
  }

  /** @param body JSON text */
  post(path: string, body: string, options: PostOptions = {}): Promise<Answer> {
    return this.#send('POST', path, body, options);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    { headers = {}, chunked = false, from }: PostOptions,
  ): Promise<Answer> {
    const bytes = Buffer.from(body ?? '');
    const length = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': bytes.length };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          path,
          method,
          agent: this.#agent,
          headers: { ...(body !== undefined && { 'Content-Type': 'application/json', ...length }), ...headers },
          ...(from !== undefined && { localAddress: from }),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const all = Buffer.concat(chunks);
            const text = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(all) : all;
            resolve(new Answer(incoming.statusCode ?? 0, incoming.headers, text.toString()));
          });
        },
      );
      outgoing.on('error', reject);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) outgoing.write(bytes.subarray(at, at + PIECE_BYTES));
      outgoing.end();
    });
  }
}
