/** The blocks of the documentation that are shown but not run, each with the reason. */
import type { CommandBlock, Page } from './pages.js';
import { blocksOf } from './pages.js';

/** What a test cannot have. */
export const REASONS = {
  cluster: 'it needs a Kubernetes cluster',
  bucket: 'it needs a bucket in S3',
  container: 'it needs a container engine',
  minutes: 'it takes minutes of CPU, or runs the tests that run this',
  software: 'it needs a program that neither npm nor Debian has',
  remote: "it needs another party's server",
} as const;

interface Excused {
  readonly page: string;
  /** The first line of the block that is no comment. */
  readonly firstLine: string;
  readonly reason: keyof typeof REASONS;
}

export const EXCUSED: readonly Excused[] = [];

/** Why a block is not run; undefined where it is. */
export function excuseFor({ page, firstLine }: CommandBlock): keyof typeof REASONS | undefined {
  return EXCUSED.find((one) => one.page === page && one.firstLine === firstLine)?.reason;
}

/** Rows of the table that no block of the pages has. */
export function staleExcuses(pages: readonly Page[]): readonly Excused[] {
  const blocks = pages.flatMap(blocksOf);
  return EXCUSED.filter(
    ({ page, firstLine }) => !blocks.some((block) => block.page === page && block.firstLine === firstLine),
  );
}
