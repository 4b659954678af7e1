/** The package's library: scoring in the caller's own process. `docs/guides/library.md` describes it. */
export { ArtifactError, ERRORS, type ErrorCode, LightscoreError } from './errors.js';
export { type FileUrl, loadModel } from './library/load-model.js';
export type { Model, MulticlassModel, RowsArguments, SingleOutputModel } from './library/model.js';
