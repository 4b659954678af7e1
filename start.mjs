/**
 * `npm start`: builds what is not built, then serves, in one process.
 *
 * No shell runs between npm and this process (`exec` in package.json), so the SIGTERM and SIGINT that npm forwards
 * reach the server. npm does not forward SIGHUP but dies of it, while the server keeps running: send SIGHUP, which
 * reloads the model, to the server's own process.
 */
await import('./build.mjs');

process.argv.splice(2, Infinity, 'serve');
await import('./dist/src/cli.js');
