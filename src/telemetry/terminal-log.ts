/** The log on a terminal: a line of text an event, where files and pipes get JSON. */

/** pino's number of the level `warn`; lower ones are no warnings. */
const LEVEL_WARN = 40;
const LEVEL_ERROR = 50;

/** Repeats other events, for programs that read the log. */
const NOT_SHOWN: ReadonlySet<unknown> = new Set(['audit', 'ready']);

/** A line of the log, as pino writes it. */
interface LogEvent {
  readonly level: number;
  readonly time: string;
  readonly event?: string;
  readonly msg?: string;
  readonly route?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

export class TerminalLog {
  readonly #write: (text: string) => unknown;
  #greeted = false;

  constructor(write: (text: string) => unknown) {
    this.#write = write;
  }

  /** Shows an event. Before the greeting only warnings and errors are of interest. */
  write(line: string): void {
    const event: LogEvent = JSON.parse(line);
    if (NOT_SHOWN.has(event.event) || (!this.#greeted && event.level < LEVEL_WARN)) return;
    const time = this.#greeted ? `${new Date(event.time).toTimeString().slice(0, 8)}  ` : '';
    this.#write(`${time}${severity(event.level)}${describe(event)}\n`);
  }

  /** Shows what a ready server says first. */
  greet(text: string): void {
    this.#greeted = true;
    this.#write(text);
  }
}

function severity(level: number): string {
  if (level < LEVEL_WARN) return '';
  return level < LEVEL_ERROR ? 'Warning: ' : 'Error: ';
}

function describe({ msg = '', route, err }: LogEvent): string {
  const place = route === undefined ? '' : `${route}: `;
  const reason = err?.message ?? '';
  return `${place}${msg}${reason === '' || msg.includes(reason) ? '' : `: ${err?.stack ?? reason}`}`;
}
