#!/usr/bin/env node
/** The entry of the command line: a server answers signals before anything else of it is loaded. */
import { endOnEarlySignals } from './early-signals.js';

if (process.argv[2] === 'serve') endOnEarlySignals();
await import('./program.js');
