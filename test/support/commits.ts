import { expect } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action, AddFile } from '../../shared/delta/actions.ts';
import type { Transaction } from '../../shared/delta/commit.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { readCommit } from '../../shared/delta/log-reader.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { collect } from './collect.ts';
import { noCheckpoints } from './delta.ts';
import { MemoryStore } from './memory-store.ts';
import type { Fault, StoreOperation } from './memory-store.ts';

export const DEFINITION: TableDefinition = { name: 't', description: '', schema: struct(field('a', 'long')), partitionColumns: [], configuration: {} };

export const add = (path: string, more: Partial<AddFile> = {}): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, ...more } });
export const remove = (path: string, dataChange = true): Action => ({ remove: { path, dataChange, deletionTimestamp: 1 } });
export const txn = (appId: string, version: bigint): Action => ({ txn: { appId, version } });
export const append = (...actions: Action[]): Transaction => ({ operation: 'WRITE', actions, reads: 'nothing' });
export const upsert = (...actions: Action[]): Transaction => ({ operation: 'MERGE', actions, reads: 'table' });

/** The store with some of its methods replaced; they get the real one. */
export function overriding(store: ObjectStore, methods: Partial<{ readonly [K in 'get' | 'putIfAbsent']: (store: ObjectStore) => ObjectStore[K] }>): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      const method = methods[name as keyof typeof methods];
      if (method) return method(target);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** A table in memory whose store fails as the test wishes, and tells what it was asked for. */
export class FaultyLog {
  readonly store: MemoryStore;
  readonly source: LogSource;
  readonly asked: StoreOperation[] = [];
  /** What each operation on each key meets. */
  faults: (operation: StoreOperation, key: string) => Fault = () => 'none';
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.store = new MemoryStore({
      clock,
      faults: (operation, key) => {
        this.asked.push(operation);
        return this.faults(operation, key);
      },
    });
    this.source = { store: this.store, codec: noCheckpoints, table: 't' };
  }

  /** For one writer; created where it is missing. */
  table(options: { readonly store?: ObjectStore; readonly configuration?: Readonly<Record<string, string>> } = {}): Promise<DeltaTable> {
    const { store = this.store, configuration = {} } = options;
    return DeltaTable.ensure({ ...this.source, store }, { ...DEFINITION, configuration }, this.#clock);
  }

  /** The first `times` puts of this version meet the fault. */
  faultOn(version: bigint, fault: Fault, times = 1): void {
    let left = times;
    this.faults = (operation, key) => (operation === 'putIfAbsent' && key === commitKey(version) && left-- > 0 ? fault : 'none');
  }

  async versions(): Promise<string[]> {
    return (await collect(this.store.list('_delta_log/'))).map(({ key }) => key);
  }

  async commitInfo(version: bigint): Promise<NonNullable<Action['commitInfo']>> {
    return (await readCommit(this.source, version))![0].commitInfo!;
  }

  /** A rival's next version, put behind everybody's back. */
  async rival(...actions: Action[]): Promise<void> {
    const version = BigInt((await this.versions()).length);
    expect(await this.store.putIfAbsent(commitKey(version), Buffer.from(printActions([{ commitInfo: { operation: 'RIVAL', txnId: `rival ${version}` } }, ...actions])))).toBe('created');
  }
}
