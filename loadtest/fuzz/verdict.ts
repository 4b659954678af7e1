/** What a server makes of some bytes on a connection of their own. */
import { type Socket, connect } from 'node:net';

/**
 * `answered`: the application's own answer, by its status and, for a refusal, the type of its problem. `parser`: what
 * the transport's parser says before any handler. `closed`: the connection ended without an answer. `silent`: nothing
 * came.
 */
export interface Verdict {
  readonly by: 'answered' | 'parser' | 'closed' | 'silent';
  /** Status, and type of problem; empty without an answer. */
  readonly what: string;
  /** How many answers of the application came. */
  readonly answers: number;
}

/** Longer than any answer takes here; what waits for more bytes waits for ever. */
const QUIET_MS = 400;
/** Every connection resets itself, or its port would be taken for a minute. */
const endNow = (socket: Socket): void => void socket.resetAndDestroy();

/** Sends `bytes` from `localAddress` and reads until the end, or until nothing more comes. */
export function verdictOf(port: number, localAddress: string, bytes: Buffer): Promise<Verdict> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    let timer: NodeJS.Timeout;
    const end = (ended: boolean): void => {
      clearTimeout(timer);
      endNow(socket);
      resolve(read(Buffer.concat(received).toString('latin1'), ended));
    };
    timer = setTimeout(() => end(false), QUIET_MS);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received.push(chunk);
      // One that may come behind the first comes at once.
      clearTimeout(timer);
      timer = setTimeout(() => end(false), isWhole(Buffer.concat(received).toString('latin1')) ? 2 : QUIET_MS);
    });
    socket.on('end', () => end(true));
    socket.on('error', () => end(true));
    socket.on('close', () => end(true));
  });
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The final answers in what came; those to HEAD have no body, and what cannot be read as an answer ends the list. */
function answersIn(text: string): { readonly answers: readonly Answer[]; readonly rest: string } {
  const answers: Answer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(rest)?.[1]);
    if (end < 0 || Number.isNaN(status)) return { answers, rest };
    const head = rest.slice(0, end);
    if (status < 200) {
      rest = rest.slice(end + 4);
      continue;
    }
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    const without = body.startsWith('HTTP/1.1 ') || body === '';
    answers.push({ status, head, body: without ? '' : body });
    rest = rest.slice(end + 4 + (without ? 0 : length));
  }
}

function isWhole(text: string): boolean {
  const { answers, rest } = answersIn(text);
  const last = answers.at(-1);
  if (last === undefined || rest !== '') return false;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(last.head)?.[1] ?? 0);
  return last.body === '' || last.body.length >= length;
}

const isOurs = ({ head }: Answer): boolean =>
  /\r\ncontent-type: (?:application\/(?:problem\+)?json|text\/plain; version)/i.test(head);

function read(text: string, ended: boolean): Verdict {
  const { answers } = answersIn(text);
  if (answers.length === 0) return { by: ended ? 'closed' : 'silent', what: '', answers: 0 };
  const [first] = answers;
  if (!isOurs(first)) return { by: 'parser', what: String(first.status), answers: 0 };
  const type = /"type":"\/docs#([\w-]+)"/.exec(first.body)?.[1];
  const what = type === undefined ? String(first.status) : `${first.status} ${type}`;
  return { by: 'answered', what, answers: answers.filter(isOurs).length };
}
