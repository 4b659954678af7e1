/** The pages of the documentation, read from Markdown: their fences, tables and links, each with its line. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { projectRoot } from '../project.js';

/** A fenced block: what a reader copies, or what the commands before it print. */
export interface Fence {
  /** Number of the line that opens it, from 1. */
  readonly line: number;
  readonly language: string;
  /** The words behind the language, which Markdown does not show. */
  readonly words: readonly string[];
  /** With a newline at its end. */
  readonly text: string;
  /** Whether nothing but blank lines stands between this fence and the one before it. */
  readonly follows: boolean;
}

/** Lines of a page that stand next to each other, outside of its fences. */
export interface Paragraph {
  readonly line: number;
  readonly text: string;
}

export interface Page {
  /** From the root of the checkout, with slashes. */
  readonly path: string;
  readonly fences: readonly Fence[];
  /** Paragraphs, headings, tables and indented blocks, in order. */
  readonly paragraphs: readonly Paragraph[];
}

/** The pages whose commands are run: each is one session. */
export function pagePaths(): readonly string[] {
  const docs = readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file).replaceAll(sep, '/'))
    .toSorted();
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...docs];
}

export function readPages(): readonly Page[] {
  return pagePaths().map((path) => readPage(path, readFileSync(join(projectRoot, path), 'utf8')));
}

const OPENING = /^(\s*)(`{3,})\s*(.*?)\s*$/;

/** @throws Error where a fence is not closed */
export function readPage(path: string, markdown: string): Page {
  const fences: Fence[] = [];
  const paragraphs: Paragraph[] = [];
  const lines = markdown.split('\n');
  let blank = true;
  let follows = false;
  for (let at = 0; at < lines.length; at++) {
    const [, indent, marks, info] = OPENING.exec(lines[at]) ?? [];
    if (marks !== undefined) {
      const end = lines.findIndex((line, i) => i > at && line.trim() === marks);
      if (end < 0) throw new Error(`${path}:${at + 1}: this fence is not closed`);
      const body = lines.slice(at + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
      const [language = '', ...words] = info.split(/\s+/);
      fences.push({ line: at + 1, language, words, text: body.map((line) => `${line}\n`).join(''), follows });
      at = end;
      follows = true;
    } else if (lines[at].trim() !== '') {
      follows = false;
      const last = paragraphs.at(-1);
      if (blank || last === undefined) paragraphs.push({ line: at + 1, text: lines[at] });
      else paragraphs[paragraphs.length - 1] = { ...last, text: `${last.text}\n${lines[at]}` };
    }
    blank = marks !== undefined || lines[at].trim() === '';
  }
  return { path, fences, paragraphs };
}

/** A block of commands, and the fence that shows what it prints. */
export interface CommandBlock {
  readonly page: string;
  readonly line: number;
  readonly commands: string;
  /** By which the page and EXCUSED name it. */
  readonly firstLine: string;
  /** Runs in a terminal of its own until the page ends. */
  readonly foreground: boolean;
  readonly output: Fence | undefined;
}

/** A file that the reader is to save: a fence with `file=PATH`. */
export interface FileBlock {
  readonly line: number;
  readonly file: string;
  readonly text: string;
}

const OUTPUTS = ['text', 'json', 'console'];
const FILE = 'file=';

/** Whether a fence shows something that no command of the page printed. */
export const isExample = ({ words }: Fence): boolean => words.includes('example');

/** What a reader of the page does, in order. */
export function stepsOf({ path, fences }: Page): readonly (CommandBlock | FileBlock)[] {
  return fences.flatMap((fence, i): readonly (CommandBlock | FileBlock)[] => {
    const file = fence.words.find((word) => word.startsWith(FILE));
    if (file !== undefined) return [{ line: fence.line, file: file.slice(FILE.length), text: fence.text }];
    if (fence.language !== 'sh') return [];
    const { line, text: commands, words } = fence;
    const next = fences.at(i + 1);
    const output = next?.follows === true && OUTPUTS.includes(next.language) && !isExample(next) ? next : undefined;
    const firstLine = commands.split('\n').find((one) => one.trim() !== '' && !one.startsWith('#')) ?? '';
    return [{ page: path, line, commands, firstLine, foreground: words.includes('foreground'), output }];
  });
}

export const blocksOf = (page: Page): readonly CommandBlock[] => stepsOf(page).filter((step) => 'commands' in step);

/** Whether `fence` is the output of the block before it. */
export const isOutput = (page: Page, fence: Fence): boolean => blocksOf(page).some(({ output }) => output === fence);
