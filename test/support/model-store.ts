/** Folders of versions that tests and load tests may change. */
import { cp, mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './project.js';

const REFERENCE = join(projectRoot, 'test/data/models');

export class ModelStore {
  private constructor(readonly folder: string) {}

  /** With the reference versions v1.0.0 and v1.1.0. */
  static async create(): Promise<ModelStore> {
    const folder = await mkdtemp(join(tmpdir(), 'lightscore-models-'));
    await cp(REFERENCE, folder, { recursive: true });
    return new ModelStore(folder);
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes current.json as a careful publisher does: whole or not at all. */
  async point(version: string): Promise<void> {
    await writeFile(this.path('current.json.new'), JSON.stringify({ version }));
    await rename(this.path('current.json.new'), this.path('current.json'));
  }

  /** Removes current.json. */
  async unpoint(): Promise<void> {
    await rm(this.path('current.json'));
  }

  /** Another version with the files of `from`, its names changed. */
  async copy(
    from: string,
    version: string,
    change: (metadata: Record<string, unknown>) => Record<string, unknown> = (metadata) => metadata,
  ): Promise<void> {
    await cp(join(REFERENCE, from), this.path(version), { recursive: true });
    await this.changeMetadata(version, (metadata) => change({ ...metadata, model_version: version }));
  }

  async changeMetadata(
    version: string,
    change: (metadata: Record<string, unknown>) => Record<string, unknown>,
  ): Promise<void> {
    const path = this.path(version, 'metadata.json');
    const metadata: Record<string, unknown> = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(change(metadata)));
  }

  async featureNames(version: string): Promise<string[]> {
    const { feature_names: names }: { feature_names: string[] } = JSON.parse(
      await readFile(this.path(version, 'metadata.json'), 'utf8'),
    );
    return names;
  }

  /** The same trees over features in another order. */
  async reorder(from: string, version: string, order: (names: readonly string[]) => readonly string[]): Promise<void> {
    const before = await this.featureNames(from);
    const after = order(before);
    await this.copy(from, version, (metadata) => ({ ...metadata, feature_names: after }));
    await this.edit(version, (text) => {
      const place = before.map((name) => after.indexOf(name));
      const grown: number[] = [];
      const trees = text.replaceAll(/^split_feature=(.*)$/gm, (line, features: string) => {
        const moved = `split_feature=${features
          .split(' ')
          .map((feature) => place[Number(feature)])
          .join(' ')}`;
        grown.push(moved.length - line.length);
        return moved;
      });
      const infos = /^feature_infos=(.*)$/m.exec(trees)?.[1].split(' ') ?? [];
      return trees
        .replace(/^feature_names=.*$/m, `feature_names=${after.join(' ')}`)
        .replace(/^feature_infos=.*$/m, `feature_infos=${after.map((name) => infos[before.indexOf(name)]).join(' ')}`)
        .replace(
          /^tree_sizes=(.*)$/m,
          (_, sizes: string) =>
            `tree_sizes=${sizes
              .split(' ')
              .map((size, i) => Number(size) + grown[i])
              .join(' ')}`,
        );
    });
  }

  /** The same trees over features of other names. */
  async rename(from: string, version: string, name: (before: string) => string): Promise<void> {
    const names = (await this.featureNames(from)).map(name);
    await this.copy(from, version, (metadata) => ({ ...metadata, feature_names: names }));
    await this.edit(version, (text) => text.replace(/^feature_names=.*$/m, `feature_names=${names.join(' ')}`));
  }

  /** Changes the model's text. */
  async edit(version: string, change: (text: string) => string): Promise<void> {
    const path = this.path(version, 'lightgbm_model.txt');
    await writeFile(path, change(await readFile(path, 'utf8')));
  }

  /** Gives a version's files another time, so that it counts as written anew. */
  async touch(version: string): Promise<void> {
    const now = new Date();
    await utimes(this.path(version, 'metadata.json'), now, now);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}
