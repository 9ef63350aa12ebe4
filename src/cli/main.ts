import { enableCompileCache } from 'node:module';
import path from 'node:path';

// A recorder that was killed is back in a third of the time when nothing has to be compiled again. Inside the project, where
// only those can write who could change the program anyway.
enableCompileCache(path.resolve(import.meta.dirname, '../../dist/compile-cache'));
await import('./run.ts');
