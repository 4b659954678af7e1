/** How a long command reports its progress. */
export interface ProgressReport {
  /** Prints a line that stays. */
  line(text: string): void;
  /** Prints the current state: on a terminal the next one replaces it; elsewhere only milestones are printed. */
  status(text: string, milestone: boolean): void;
}

const ERASE_LINE = '\r\u001B[2K';

/** Reports to a stream: one line that is rewritten on a terminal, plain lines in a file or pipe. */
export function progressReport(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number },
): ProgressReport {
  const terminal = stream.isTTY === true;
  let shown = false;
  return {
    line: (text) => {
      stream.write(`${shown ? ERASE_LINE : ''}${text}\n`);
      shown = false;
    },
    status: (text, milestone) => {
      if (terminal) stream.write(ERASE_LINE + text.slice(0, (stream.columns ?? 80) - 1));
      else if (milestone) stream.write(`${text}\n`);
      shown = terminal;
    },
  };
}
