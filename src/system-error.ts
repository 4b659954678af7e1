import { getSystemErrorMap } from 'node:util';

/**
 * What the operating system says is wrong, such as "no such file or directory". Node's own message also has the system
 * call and the path, which messages of this project name already. Of other errors, their message.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  const [code, text] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  // The system's own words for this one are "illegal operation on a directory".
  if (code === 'EISDIR') return 'it is a folder, not a file';
  return text ?? error.message;
}
