/**
 * Every error this project raises on purpose: one table, one class.
 *
 * `exit` is the CLI's exit code; errors that can also answer a request are in `http/problem.ts`, by the same code.
 */
export const ERRORS = {
  USAGE: { exit: 2, what: 'the command line is wrong' },
  CONFIG_INVALID: { exit: 1, what: 'an environment variable is wrong' },
  ARTIFACT_INVALID: { exit: 1, what: 'a file of a model artifact cannot be used' },
  VERSION_NOT_FOUND: { exit: 1, what: 'the store has no such complete version' },
  STORE_UNREACHABLE: { exit: 1, what: 'the artifact store did not answer' },
  MODEL_UNSUPPORTED: { exit: 1, what: 'this model cannot do what was asked' },
  HTTP_UNAVAILABLE: { exit: 1, what: 'the HTTP server, a native addon, cannot be loaded here' },
  NATIVE_UNAVAILABLE: { exit: 1, what: 'native LightGBM cannot be built or loaded here' },
  NATIVE_FAILED: { exit: 1, what: 'native LightGBM reported an error' },
  DATA_INVALID: { exit: 1, what: 'the data cannot be trained on or scored' },
  SCORES_DIFFER: { exit: 1, what: 'the kernel and LightGBM score a model differently' },
  GATE_REFUSED: { exit: 1, what: 'a newly trained model is worse than the one it was held against' },
  OUTPUT_FAILED: { exit: 1, what: 'a result could not be written' },
  VERSION_EXISTS: { exit: 1, what: 'a version of that name exists already' },
  INTERRUPTED: { exit: 1, what: 'the run was stopped from outside' },
  LOAD_IN_PROGRESS: { exit: 1, what: 'another change of the models is under way' },
  MODEL_CONFLICT: { exit: 1, what: 'the versions held do not allow this change' },
  AUDIT_BROKEN: { exit: 1, what: 'the chain of an audit trail is broken' },
  SERVER_UNREACHABLE: { exit: 1, what: 'the server did not answer' },
  SERVER_REFUSED: { exit: 1, what: 'the server refused what was asked of it' },
  MODEL_DISPOSED: { exit: 1, what: 'a model of the library was used after it was disposed of' },
  WORKER_FAILED: { exit: 1, what: 'a worker thread failed' },
} as const;

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

  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** A file of an artifact that cannot be used: the message names the file and the reason, and nothing is half-loaded. */
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

/** What went wrong, in words; whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
