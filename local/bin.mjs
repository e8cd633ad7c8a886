#!/usr/bin/env node
// `npx assay` under whatever Node runs it: hands over to the project's own Node, which runs TypeScript as it is.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL(`../node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`, import.meta.url));
const child = spawn(existsSync(own) ? own : process.execPath, [fileURLToPath(new URL('./assay.ts', import.meta.url)), ...process.argv.slice(2)], { stdio: 'inherit' });
// A terminal sends Ctrl-C to the child as well, and npm repeats it to us: passed on, it would be the second one, which leaves at once.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => { process.exitCode = code ?? (signal === null ? 1 : 128); });
