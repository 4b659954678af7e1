/**
 * A store whose versions need not be artifacts: a version without metadata.json that has one model file is shown as the
 * artifact that it becomes, with the files that it lacks made from the model.
 */
import { writeCalibratorJson } from '../artifact/calibrator.js';
import { CALIBRATOR_FILES, METADATA_FILE, MODEL_FILE } from '../artifact/files.js';
import type { ClassLabel } from '../artifact/pickled-model.js';
import { ArtifactError } from '../errors.js';
import { parseHeader } from '../model/parse.js';
import { type ArtifactStore, type Pointer, type StoredFile, filesFingerprint } from '../store/store.js';
import { ARTIFACT_LIMITS } from './fetch.js';
import { calibratorIn, modelIn } from '../artifact/found-files.js';
import { readModelFile } from './model-file.js';

const [CALIBRATOR_JSON, CALIBRATOR_PICKLE] = CALIBRATOR_FILES;

/** A version's files as they are, and those of them that an artifact is made of. */
interface Raw {
  readonly model: StoredFile;
  readonly calibrator: StoredFile | undefined;
  /** Of the files above. */
  readonly fingerprint: string;
}

interface Converted {
  readonly key: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface ConvertingOptions {
  /** Whether the store is one version that somebody named: it needs no metadata whatever lies beside it. */
  readonly isNamed: boolean;
}

export class ConvertingStore implements ArtifactStore {
  readonly #base: ArtifactStore;
  /** Whether it is one version that somebody named. */
  readonly isNamed: boolean;
  /** What the versions that are no artifacts are made of, as they were listed last. */
  readonly #listed = new Map<string, Raw>();
  /** The newest conversion: its files are read one after the other. */
  #converted: Converted | undefined;

  constructor(base: ArtifactStore, { isNamed }: ConvertingOptions) {
    this.#base = base;
    this.isNamed = isNamed;
  }

  get location(): string {
    return this.#base.location;
  }

  versions(): Promise<string[]> {
    return this.#base.versions();
  }

  async whyNone(): Promise<string | undefined> {
    return await this.#base.whyNone?.();
  }

  pointer(known?: Pointer): Promise<Pointer | undefined> {
    return this.#base.pointer(known);
  }

  pathOf(version: string, name: string): string {
    return this.#base.pathOf(version, name);
  }

  close(): void {
    this.#base.close();
  }

  async files(version: string): Promise<StoredFile[]> {
    const files = await this.#base.files(version);
    const raw = await this.#raw(files);
    if (raw === undefined) {
      this.#listed.delete(version);
      return files;
    }
    this.#listed.set(version, raw);
    const { model, calibrator, fingerprint } = raw;
    const made = (name: string): StoredFile => ({ name, size: 0, fingerprint });
    return [
      { ...model, name: MODEL_FILE, fingerprint },
      calibrator === undefined ? made(CALIBRATOR_JSON) : { ...calibrator, name: shownName(calibrator), fingerprint },
      made(METADATA_FILE),
    ];
  }

  async read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array> {
    const raw = this.#listed.get(version);
    if (raw === undefined) return await this.#base.read(version, file, maxBytes);
    const path = this.pathOf(version, file.name);
    if (raw.fingerprint !== file.fingerprint) throw new ArtifactError(path, 'changed while it was being read');
    const key = `${version}\n${raw.fingerprint}`;
    if (this.#converted?.key !== key) this.#converted = { key, files: await this.#convert(version, raw) };
    const bytes = this.#converted.files.get(file.name);
    if (bytes === undefined) throw new ArtifactError(path, 'disappeared while the artifact was being read');
    return bytes;
  }

  /** What a version is made of; undefined where it is an artifact, or cannot become one. */
  async #raw(files: readonly StoredFile[]): Promise<Raw | undefined> {
    const names = files.map(({ name }) => name);
    if (names.includes(METADATA_FILE)) return undefined;
    // A file that somebody named may have any name.
    const modelName = this.isNamed && files.length === 1 ? files[0].name : modelIn(names);
    const model = files.find(({ name }) => name === modelName);
    if (model === undefined || !(this.isNamed || (await this.#isForeign(names)))) return undefined;
    const calibrator = files.find(({ name }) => name === calibratorIn(names));
    const fingerprint = filesFingerprint(calibrator === undefined ? [model] : [model, calibrator]);
    return { model, calibrator, fingerprint };
  }

  /**
   * Whether a version was not meant to be an artifact. One with an artifact's files, or beside a version with
   * metadata.json, is incomplete: it is being written.
   */
  async #isForeign(names: readonly string[]): Promise<boolean> {
    if ([MODEL_FILE, ...CALIBRATOR_FILES].some((name) => names.includes(name))) return false;
    for (const version of await this.#base.versions()) {
      const files = await this.#base.files(version);
      if (files.some(({ name }) => name === METADATA_FILE)) return false;
    }
    return true;
  }

  async #convert(version: string, { model, calibrator }: Raw): Promise<ReadonlyMap<string, Uint8Array>> {
    const path = this.pathOf(version, model.name);
    const bytes = await this.#base.read(version, model, ARTIFACT_LIMITS.model);
    const read = readModelFile(bytes, path, ARTIFACT_LIMITS.model);
    const { featureNames } = parseHeader(read.text, path);
    const metadata = metadataOf(version, featureNames, {
      calibration: calibrator?.name ?? (read.calibrator === undefined ? 'none' : model.name),
      source: model.name,
      className: read.className,
      classLabels: read.classLabels,
    });
    const files = new Map([
      [MODEL_FILE, read.text],
      [METADATA_FILE, Buffer.from(JSON.stringify(metadata))],
    ]);
    if (calibrator === undefined) {
      const text = read.calibrator === undefined ? '{"type":"none"}' : writeCalibratorJson(read.calibrator);
      files.set(CALIBRATOR_JSON, Buffer.from(text));
    } else {
      files.set(shownName(calibrator), await this.#base.read(version, calibrator, ARTIFACT_LIMITS.calibrator));
    }
    return files;
  }
}

const shownName = ({ name }: StoredFile): string => (name === CALIBRATOR_JSON ? name : CALIBRATOR_PICKLE);

interface Facts {
  /** Where the calibrator is from. */
  readonly calibration: string;
  readonly source: string;
  readonly className: string | undefined;
  readonly classLabels: readonly ClassLabel[] | undefined;
}

function metadataOf(version: string, featureNames: readonly string[], facts: Facts): object {
  return {
    model_version: version,
    calibration_version: facts.calibration,
    feature_names: featureNames,
    made_from: { file: facts.source, ...(facts.className !== undefined && { class: facts.className }) },
    ...(facts.classLabels !== undefined && { class_labels: facts.classLabels }),
  };
}
