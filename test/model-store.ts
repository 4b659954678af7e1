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

  /** Another version with the files of `from`, its names changed. */
  async copy(from: string, version: string, change: (metadata: Record<string, unknown>) => Record<string, unknown> = (metadata) => metadata): Promise<void> {
    await cp(join(REFERENCE, from), this.path(version), { recursive: true });
    const metadata: Record<string, unknown> = JSON.parse(await readFile(this.path(version, 'metadata.json'), 'utf8'));
    await writeFile(this.path(version, 'metadata.json'), JSON.stringify(change({ ...metadata, model_version: version })));
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
