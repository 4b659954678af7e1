/** Servers with several acceptors, and connections that reach all of them. */
import type { Answer, RequestOptions, ServerProcess } from './server.js';

export const ACCEPTORS = 3;
export const SEVERAL = { ACCEPTORS: String(ACCEPTORS), WORKERS: String(ACCEPTORS) } as const;

/** Answers of each acceptor so far. */
export async function answersByAcceptor(server: ServerProcess): Promise<number[]> {
  const { text } = await server.request('/metrics');
  return [...text.matchAll(/^lightscore_acceptor_requests_total\{acceptor="\d+"\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  );
}

/**
 * Repeats a request on connections of its own until every acceptor has answered it at least once: the kernel chooses
 * the acceptor.
 * @returns all answers
 */
export async function fromEveryAcceptor(
  server: ServerProcess,
  path: string,
  options: RequestOptions = {},
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const before = await answersByAcceptor(server);
  for (;;) {
    answers.push(
      ...(await Promise.all(
        Array.from({ length: 4 * ACCEPTORS }, () => server.request(path, { ...options, ownConnection: true })),
      )),
    );
    const after = await answersByAcceptor(server);
    // Asking for the metrics counts, too.
    if (after.every((count, i) => count >= before[i] + 2)) return answers;
  }
}
