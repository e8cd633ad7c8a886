import type { Command } from './command.ts';
import { benchCommand } from './bench.ts';
import { demoCommand } from './demo.ts';
import { produceCommand } from './produce.ts';
import { runCommand } from './run.ts';
import { startCommand } from './start.ts';

export const commands: readonly Command[] = [startCommand, runCommand, demoCommand, produceCommand, benchCommand];
