/** The model card: the description of a version that answers, metrics and the admin API use. */

/** Describes a model, from its metadata and its text. */
export interface ModelCard {
  /** The name of the version's folder in the store. */
  readonly version: string;
  readonly modelVersion: string;
  readonly calibrationVersion: string;
  readonly featureSetVersion: string | undefined;
  readonly featureNames: readonly string[];
  /** Split importance, in the model's order of features. */
  readonly importance: readonly number[];
  /** A plausible row, for examples. */
  readonly exampleRow: readonly number[];
  /** Its calibrated score, for examples. */
  readonly exampleScore: number;
  readonly objective: string;
  /** Why the model has no SHAP values, as the end of a sentence; undefined where it has. */
  readonly unexplained: string | undefined;
  readonly trees: number;
  readonly leaves: number;
  /** SHA-256 of `lightgbm_model.txt`, hex. */
  readonly modelSha256: string;
}
