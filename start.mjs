/**
 * `npm start`: builds what is not built yet, then serves, both in this process. No shell is in between (`exec` in
 * package.json), so the SIGTERM and SIGINT that npm passes on reach the server. npm does not pass SIGHUP on: it ends
 * and leaves the server running. Send SIGHUP to the process of the server itself.
 */
await import('./build.mjs');

process.argv.splice(2, Infinity, 'serve');
await import('./dist/src/cli.js');
