/** Every error that this project throws deliberately: one table, one class. */

/** The exit codes of the command line. */
export const EXIT_CODES = {
  0: 'done',
  1: 'it failed, or it was refused',
  2: 'the command line or the configuration is wrong',
} as const;

export type ExitCode = keyof typeof EXIT_CODES;

/** `exit` is the exit code of the command line; `contract/problem.ts` maps the codes that can answer a request. */
export const ERRORS = {
  USAGE: { exit: 2, what: 'the command line is wrong' },
  CONFIG_INVALID: { exit: 2, what: 'a setting (environment variable or flag) is wrong' },
  PORT_UNAVAILABLE: { exit: 1, what: 'the port cannot be opened' },
  ARTIFACT_INVALID: { exit: 1, what: 'a file of a model artifact cannot be used' },
  VERSION_NOT_FOUND: { exit: 1, what: 'the store has no such complete version' },
  STORE_UNREACHABLE: { exit: 1, what: 'the artifact store did not answer' },
  MODEL_UNSUPPORTED: { exit: 1, what: 'this model does not support the operation' },
  NATIVE_UNAVAILABLE: { exit: 1, what: 'native LightGBM cannot be built or loaded here' },
  NATIVE_FAILED: { exit: 1, what: 'native LightGBM reported an error' },
  DATA_INVALID: { exit: 1, what: 'the data cannot be trained on or scored' },
  SCORES_DIFFER: { exit: 1, what: 'the kernel and LightGBM score a model differently' },
  GATE_REFUSED: { exit: 1, what: 'a newly trained model is worse than the one it was compared with' },
  OUTPUT_FAILED: { exit: 1, what: 'a result could not be written' },
  VERSION_EXISTS: { exit: 1, what: 'a version of that name exists already' },
  INTERRUPTED: { exit: 1, what: 'the run was interrupted by a signal' },
  LOAD_IN_PROGRESS: { exit: 1, what: 'another change of the models is in progress' },
  MODEL_CONFLICT: { exit: 1, what: 'the loaded versions do not allow this change' },
  AUDIT_BROKEN: { exit: 1, what: 'the chain of an audit trail is broken' },
  SERVER_UNREACHABLE: { exit: 1, what: 'the server did not answer' },
  SERVER_REFUSED: { exit: 1, what: 'the server refused the request' },
  MODEL_DISPOSED: { exit: 1, what: 'a model of the library was used after it was disposed of' },
  WORKER_FAILED: { exit: 1, what: 'a worker thread failed' },
} as const satisfies Readonly<Record<string, { readonly exit: ExitCode; readonly what: string }>>;

export type ErrorCode = keyof typeof ERRORS;

export class LightscoreError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'LightscoreError';
  }

  get exitCode(): ExitCode {
    return ERRORS[this.code].exit;
  }
}

/** A file of an artifact cannot be used. The message names the file and the reason; nothing is partially loaded. */
export class ArtifactError extends LightscoreError {
  constructor(
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super('ARTIFACT_INVALID', `${file}: ${reason}`, options);
    this.name = 'ArtifactError';
  }
}

/** Returns the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
