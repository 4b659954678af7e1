/** The reasons that the operating system gives for an error. */
import { getSystemErrorMap } from 'node:util';

/**
 * The operating system's reason, such as "no such file or directory"; for any other error its message. Node's own
 * message also has the system call and the path, which messages of this project name already.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  const [code, text] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  // The system's own words for this one are "illegal operation on a directory".
  if (code === 'EISDIR') return 'it is a folder, not a file';
  return text ?? error.message;
}
