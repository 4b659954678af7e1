/** The operating system's description of an error. */
import { getSystemErrorMap } from 'node:util';

/**
 * Returns the operating system's reason, such as "no such file or directory"; for any other error its message. Node's
 * own message also names the system call and the path, and the messages of this project name the path already.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  const [code, text] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  // The system's own text for this code is "illegal operation on a directory".
  if (code === 'EISDIR') return 'it is a folder, not a file';
  return text ?? error.message;
}
