/**
 * `npm start`: builds what is not built, then serves, in one process. `npm start -- --port 9000` passes flags on.
 *
 * No shell runs between npm and this process (`exec` in package.json), so the SIGTERM and SIGINT that npm passes on
 * reach the server. SIGHUP, which reloads the model, npm does not pass on: it ends npm, and leaves the server behind as
 * it was. So it goes to the server's own process, whose id the first line shows and --pid-file holds
 * (test/serve-signals.test.ts shows all three).
 */
await import('./build.mjs');

process.argv.splice(2, 0, 'serve');
await import('./dist/src/cli.js');
