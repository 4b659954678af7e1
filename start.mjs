// `npm start`: builds what is not built, then serves, in one process (and without a shell between: `exec` in
// package.json), so that signals sent to npm reach the server.
await import('./build.mjs');

process.argv.splice(2, Infinity, 'serve');
await import('./dist/src/cli.js');
