/**
 * Answers each request with the problem that it asks for, as the server writes it: some cannot be had from a healthy
 * server, and generated clients must decode them all.
 */
import { once } from 'node:events';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROBLEMS, type ProblemCode, type ProblemOptions, problem, problemAnchor } from '../../src/contract/problem.js';

/** What every problem here says besides its kind. */
export const PROBLEM_OPTIONS = {
  requestId: 'row-7',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  errors: [{ pointer: '/features/3', detail: 'It is "wrong".' }],
  allow: ['POST'],
  keyRejected: true,
} as const satisfies ProblemOptions;

export const PROBLEM_CODES = Object.keys(PROBLEMS).filter((code): code is ProblemCode => code in PROBLEMS);

export class ProblemServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `POST /score` names the problem by its request_id, `POST /admin/models/NAME/load` by the version. */
  static async start(): Promise<ProblemServer> {
    const server = createServer((incoming, outgoing) => {
      void askedFor(incoming).then((name) => {
        const code = PROBLEM_CODES.find((candidate) => problemAnchor(candidate) === name);
        if (code === undefined) throw new Error(`no problem is called ${name}`);
        const { status, headers, body } = problem(code, PROBLEM_OPTIONS);
        outgoing.writeHead(status, Object.fromEntries(headers)).end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ProblemServer(server);
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

async function askedFor(incoming: IncomingMessage): Promise<string> {
  const [, version] = /^\/admin\/models\/([^/]+)\/load$/.exec(incoming.url ?? '') ?? [];
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  if (version !== undefined) return decodeURIComponent(version);
  const { request_id: name }: { request_id: string } = JSON.parse(text);
  return name;
}
