/**
 * Reads the subset of Dockerfile and .dockerignore that this project's own use; anything else is an error, so that the
 * proof cannot pass by skipping a line.
 */

/**
 * One instruction: `{name: 'COPY', flags: {from: 'build'}, rest: 'a b', words: ['a', 'b'], line: 12}`; `words` of a
 * JSON form are its strings.
 */
function parseInstruction(text, line) {
  const [, name, after] = /^([A-Za-z]+)\s+([\s\S]*)$/.exec(text) ?? fail(line, `not an instruction: ${text}`);
  const flags = {};
  let rest = after.trim();
  for (let flag; (flag = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) !== null; rest = rest.slice(flag[0].length))
    flags[flag[1]] = flag[2];
  const json = rest.startsWith('[');
  return { name: name.toUpperCase(), flags, rest, json, words: json ? JSON.parse(rest) : rest.split(/\s+/), line };
}

function fail(line, reason) {
  throw new Error(`Dockerfile:${line}: ${reason}`);
}

/** Logical lines: comments dropped, continuations joined. */
function logicalLines(text) {
  const lines = [];
  let open;
  text.split('\n').forEach((raw, i) => {
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) return;
    const continued = raw.endsWith('\\');
    const part = continued ? raw.slice(0, -1) : raw;
    if (open === undefined) lines.push((open = { text: part, line: i + 1 }));
    else open.text += part;
    if (!continued) open = undefined;
  });
  return lines;
}

/** `KEY=value KEY="some value"` as pairs. */
export function parsePairs({ rest, line }) {
  const pairs = [];
  let left = rest.trim();
  while (left !== '') {
    const pair = /^([\w.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))\s*/.exec(left) ?? fail(line, `not KEY=value: ${left}`);
    pairs.push([pair[1], pair[2]?.replaceAll(/\\(.)/g, '$1') ?? pair[3]]);
    left = left.slice(pair[0].length);
  }
  return pairs;
}

/** @returns stages in their order: `{base, name, instructions}`; `base` is an image or the name of a stage before. */
export function parseDockerfile(text) {
  const defaults = new Map();
  const stages = [];
  for (const { text: logical, line } of logicalLines(text)) {
    const instruction = parseInstruction(logical, line);
    if (instruction.name === 'ARG' && stages.length === 0) {
      for (const [name, value] of parsePairs(instruction)) defaults.set(name, value);
    } else if (instruction.name === 'FROM') {
      const [image, as, name] = instruction.words;
      if (as !== undefined && as.toUpperCase() !== 'AS') fail(line, `not FROM image AS name: ${instruction.rest}`);
      stages.push({
        base: image.replaceAll(/\$\{(\w+)\}/g, (_, arg) => defaults.get(arg) ?? fail(line, `no default for ${arg}`)),
        name,
        instructions: [],
      });
    } else {
      (stages.at(-1) ?? fail(line, `${instruction.name} before FROM`)).instructions.push(instruction);
    }
  }
  return stages;
}

/** Whether a path of the build context is sent to the builder: the last matching line of .dockerignore decides. */
export function contextFilter(text) {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keep: line.startsWith('!'), pattern: line.replace(/^!/, '') }));
  for (const { pattern } of rules)
    if (pattern !== '*' && /[*?[\]]/.test(pattern))
      throw new Error(`.dockerignore: ${pattern}: only * alone and plain paths are read here`);
  return (path) =>
    rules.reduce(
      (kept, { keep, pattern }) =>
        pattern === '*' || path === pattern || path.startsWith(`${pattern}/`) ? keep : kept,
      true,
    );
}
