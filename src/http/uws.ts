/** Loads uWebSockets.js, a native addon. Where none of its binaries loads, one sentence says why, and what works. */
import { createRequire } from 'node:module';
import { LightscoreError, messageOf } from '../errors.js';
import { inWords } from '../quote.js';

/** What uWebSockets.js carries binaries for, and the glibc that they need, in rising order. */
export const BINARIES = [
  { node: '20', abi: '115', glibc: '2.27' },
  { node: '22', abi: '127', glibc: '2.38' },
  { node: '24', abi: '137', glibc: '2.38' },
  { node: '25', abi: '141', glibc: '2.38' },
] as const;

/** Distributions that have the newest glibc of the table. */
const NEW_ENOUGH = 'Debian 13, Ubuntu 24.04';

/** Where it was tried. */
export interface Machine {
  /** Such as `v20.20.2`. */
  readonly node: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Undefined where the C library is another one. */
  readonly glibc: string | undefined;
}

/**
 * Loads it on first call. Not an `import`: that would end the process with a stack trace before any code runs that
 * could say what to do, and would take the help of the command line with it.
 * @throws LightscoreError HTTP_UNAVAILABLE
 */
export function loadUWebSockets(): typeof import('uWebSockets.js') {
  try {
    const require: (name: string) => typeof import('uWebSockets.js') = createRequire(import.meta.url);
    return require('uWebSockets.js');
  } catch (cause) {
    throw new LightscoreError('HTTP_UNAVAILABLE', describeFailure(cause, thisMachine()), { cause });
  }
}

/** One line: what failed, where, and what works there. */
export function describeFailure(error: unknown, machine: Machine): string {
  const { node, platform, arch, glibc } = machine;
  const message = messageOf(error);
  if (message.startsWith("Cannot find module 'uWebSockets.js'"))
    return 'the package uWebSockets.js, the HTTP server, is not installed';
  // uWebSockets.js puts a text of its own before the error of the system.
  const reason = /^Error: (.*)$/m.exec(message)?.[1] ?? message.split('\n', 1)[0];
  const library = platform !== 'linux' ? '' : glibc === undefined ? ', without glibc' : `, glibc ${glibc}`;
  const place = `Node ${node.slice(1)} (${platform} ${arch}${library})`;
  return `uWebSockets.js, the HTTP server, does not load on ${place}: ${reason}; ${adviceFor(machine)}`;
}

function adviceFor({ platform, glibc }: Machine): string {
  const all = BINARIES.map(({ node }) => node);
  if (platform !== 'linux') return `it runs on Node ${inWords(all)}, on x64 and arm64`;
  if (glibc === undefined)
    return `it needs glibc, which Alpine does not have; what works is Node ${inWords(all)} on ${NEW_ENOUGH}`;
  const works = BINARIES.filter((binary) => isAtLeast(glibc, binary.glibc)).map(({ node }) => node);
  if (works.length === 0) return `it needs glibc ${BINARIES[0].glibc} or later`;
  const others = BINARIES.slice(works.length);
  if (others.length === 0) return `what works here is Node ${inWords(works)}`;
  const later = `Node ${inWords(others.map(({ node }) => node))} with glibc ${others[0].glibc} (${NEW_ENOUGH})`;
  return `what works here is Node ${inWords(works)}; elsewhere ${later}`;
}

/** Compares versions such as 2.36 and 2.4. */
function isAtLeast(version: string, minimum: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = minimum.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function thisMachine(): Machine {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    glibc: header.glibcVersionRuntime,
  };
}
