/** What the threads of a piscina pool start with: their data, and how they load their module. */
import { workerData } from 'node:worker_threads';

const REQUIRE_MODULES = '--experimental-require-module';

/** Piscina passes [its own data, ours] to its threads. */
export function piscinaWorkerData(): unknown {
  return Array.isArray(workerData) ? workerData[1] : workerData;
}

/**
 * Options of a pool's threads. Piscina tries `require` before `import`, which loads a module without a break: a thread
 * that is ended meanwhile, as the server could not start, aborts the process (V8: "IsGraphAsync must be used on an
 * instantiated module"). Where Node has `require` of modules, it is turned off there; a process that was itself started
 * with flags passes those on.
 */
export function threadOptions(): { readonly execArgv?: string[] } {
  const has = process.execArgv.length === 0 && process.allowedNodeEnvironmentFlags.has(REQUIRE_MODULES);
  return has ? { execArgv: [REQUIRE_MODULES.replace('--', '--no-')] } : {};
}
