import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { kafkaClassPath } from '../kafka-broker.ts';

const PROGRAM = fileURLToPath(new URL('KafkaSide.java', import.meta.url));

export interface ProduceRequest {
  readonly topic: string;
  readonly kind: 'events' | 'keyed' | 'large' | 'odd';
  readonly count: number;
  readonly seed: number;
  /** A file that gets a line a record: partition, offset, digest, `c` or `a` (its transaction was aborted). */
  readonly ledger: string;
  /** Records of a transaction, on average; 0: no transactions. */
  readonly perTransaction?: number;
  /** Of the transactions, 0 to 1. */
  readonly abortShare?: number;
  /** 0: as fast as can be. */
  readonly ratePerS?: number;
}

export interface BrokerView {
  readonly records: number;
  readonly topicId: string;
  /** By partition: the log start offset, and the end that this isolation level sees. */
  readonly starts: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
}

/** Kafka's own Java clients in a process of their own (KafkaSide.java): what our clients are held against. */
export class KafkaSide {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
  #stderr = '';
  #id = 0;

  constructor(brokers: string) {
    // Java compiles a single source file in memory: there is no build.
    this.#process = spawn('java', ['-Xmx512m', '-cp', kafkaClassPath(), PROGRAM, brokers], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stderr!.on('data', (bytes: Buffer) => { this.#stderr = (this.#stderr + bytes.toString()).slice(-4000); });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      const answer = JSON.parse(line) as { id: number; result?: unknown; error?: string };
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#process.on('exit', () => {
      for (const end of this.#waiting.values()) end({ error: `the Java side ended: ${this.#stderr}` });
    });
  }

  produce(request: ProduceRequest): Promise<{ records: number; aborted: number }> {
    return this.#ask('produce', { perTransaction: 0, abortShare: 0, ratePerS: 0, ...request });
  }

  /** All that a consumer is given, into `out`: a line a record: partition, offset, digest. */
  read(request: { topic: string; isolation: 'read_committed' | 'read_uncommitted'; out: string }): Promise<BrokerView> {
    return this.#ask('read', request);
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await exited;
  }

  async #ask<T>(op: string, request: object): Promise<T> {
    const id = this.#id++;
    const answered = new Promise<{ result?: unknown; error?: string }>((resolve) => this.#waiting.set(id, resolve));
    this.#process.stdin!.write(`${JSON.stringify({ id, op, ...request })}\n`);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${op} ${JSON.stringify(request)}: ${error}`);
    return result as T;
  }
}
