import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { KafkaSourceOptions } from '../../local/kafka-source.ts';
import type { KafkaOptions } from '../../shared/host-check.ts';

export interface TriggerOptions {
  readonly name: string;
  readonly source: Omit<KafkaSourceOptions, 'clientId' | 'onProblem'>;
  readonly kafka: KafkaOptions;
  /** Every batch waits until it is let go. */
  readonly holds: boolean;
}

type Offset = readonly [partition: number, offset: number];
export type TriggerCommand = 'release' | 'flow' | 'stop';
export type TriggerMessage = { kind: 'log'; text: string } | { kind: 'begun' | 'done'; offsets: readonly Offset[] };

/** The trigger of trigger-child.ts, and what it told so far. */
export class TriggerProcess {
  readonly begun: Offset[] = [];
  readonly done: Offset[] = [];
  readonly logs: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: TriggerMessage) => {
      if (message.kind === 'log') this.logs.push(message.text);
      else this[message.kind].push(...message.offsets);
      for (const look of this.#waiting) look();
    });
  }

  static async start(options: TriggerOptions): Promise<TriggerProcess> {
    const child = fork(join(import.meta.dirname, 'trigger-child.ts'), [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const started = new TriggerProcess(child);
    await started.until(() => started.logs.includes('started'));
    return started;
  }

  /** Resolves as soon as what it told makes `condition` true; rejects where it ends before. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
      this.#child.once('exit', (code) => reject(new Error(`the trigger ended with ${code}; it said:\n${this.logs.join('\n')}`)));
    });
  }

  send(command: TriggerCommand): void {
    this.#child.send(command);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.send('stop');
    await ended;
  }
}
