import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Action, DeletionVector } from '../../shared/delta/actions.ts';
import { checkpointActions, withoutExpired } from '../../shared/delta/checkpoint.ts';
import { Replay, progressOf } from '../../shared/delta/snapshot.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { logs } from '../support/random-log.ts';
import { METADATA, PROTOCOL } from '../support/random-log.ts';

const HEAD: Action[] = [{ protocol: PROTOCOL }, { metaData: METADATA }];
const vector = (offset: number): DeletionVector => ({ storageType: 'u', pathOrInlineDv: 'vBn[lx{q8@P<9BNH/isA', offset, sizeInBytes: 36, cardinality: 2 });
const add = (path: string, deletionVector?: DeletionVector): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, deletionVector } });
const remove = (path: string, deletionVector?: DeletionVector): Action => ({ remove: { path, dataChange: true, deletionTimestamp: 1, deletionVector } });

function replay(versions: readonly (readonly Action[])[], base: Snapshot | null = null): Snapshot {
  const folded = new Replay(base);
  for (const actions of versions) folded.apply(actions);
  return folded.finish((base?.version ?? -1n) + BigInt(versions.length), -1n, 't');
}

/** What a reader can tell of a snapshot; file actions of a checkpoint say dataChange=false. */
function state({ version, protocol, metaData, files, tombstones, txns, domains }: Snapshot) {
  const plain = <T extends object>(entries: ReadonlyMap<string, T>) => Object.fromEntries([...entries].map(([key, value]) => [key, { ...value, dataChange: null }]));
  const live = new Map([...domains].filter(([, { removed }]) => !removed));
  return { version, protocol, metaData, files: plain(files), tombstones: plain(tombstones), txns: plain(txns), domains: plain(live) };
}

test('a checkpoint at any version and the rest give what all versions give', () => {
  fc.assert(fc.property(logs, fc.nat(), (versions, cut) => {
    const at = cut % versions.length;
    const checkpoint = new Replay(null);
    checkpoint.apply(checkpointActions(withoutExpired(replay(versions.slice(0, at + 1)), 2)));
    const base = checkpoint.finish(BigInt(at), BigInt(at), 't');
    expect(state(replay(versions.slice(at + 1), base))).toEqual(state(replay(versions)));
  }), { numRuns: 300 });
});

test('folding version by version gives what folding at once gives, and leaves the older snapshots alone', () => {
  fc.assert(fc.property(logs, (versions) => {
    const steps = versions.reduce<Snapshot[]>((done, actions, i) => [...done, replay([actions], done[i - 1] ?? null)], []);
    for (const [i, step] of steps.entries()) expect(state(step)).toEqual(state(replay(versions.slice(0, i + 1))));
  }), { numRuns: 100 });
});

test('snapshots that are held stay as they were, whatever is folded onto them and in which order', () => {
  fc.assert(fc.property(fc.array(logs, { minLength: 2, maxLength: 3 }), fc.infiniteStream(fc.nat({ max: 99 })), (branches, picks) => {
    // Every branch goes on from some version of any branch before it.
    const held: { snapshot: Snapshot; versions: Action[][] }[] = [{ snapshot: replay([branches[0][0]]), versions: [branches[0][0]] }];
    for (const branch of branches) {
      for (const actions of branch.slice(1)) {
        const from = held[picks.next().value % held.length];
        held.push({ snapshot: replay([actions], from.snapshot), versions: [...from.versions, actions] });
      }
    }
    for (const { snapshot, versions } of held) expect(state(snapshot)).toEqual(state(replay(versions)));
  }), { numRuns: 100 });
});

test('files come in the order in which they were last added, however they were folded in', () => {
  fc.assert(fc.property(logs, (versions) => {
    const steps = versions.reduce<Snapshot | null>((base, actions) => replay([actions], base), null)!;
    expect([...steps.files.keys()]).toEqual([...replay(versions).files.keys()]);
  }), { numRuns: 200 });
});

test('a vector is a file of its own: the version that adds it removes the former', () => {
  const snapshot = replay([[...HEAD, add('a'), add('b')], [remove('a'), add('a', vector(1))], [add('a', vector(9)), remove('a', vector(1))]]);
  expect([...snapshot.files.values()].map(({ path, deletionVector }) => [path, deletionVector?.offset])).toEqual([['b', undefined], ['a', 9]]);
  expect(snapshot.tombstones.size).toBe(2);
});

test('a remove in another spelling removes nothing', () => {
  const snapshot = replay([[...HEAD, add('New%20York')], [remove('New York')]]);
  expect([...snapshot.files.keys()]).toEqual(['New%20York']);
});

test('adding a removed file again takes its tombstone away', () => {
  const snapshot = replay([[...HEAD, add('a')], [remove('a')], [add('a')]]);
  expect([snapshot.files.size, snapshot.tombstones.size]).toEqual([1, 0]);
});

test('the last txn of an application counts, also a smaller one', () => {
  const snapshot = replay([[...HEAD, { txn: { appId: 'x', version: 2n ** 63n - 1n } }], [{ txn: { appId: 'x', version: -1n } }]]);
  expect(progressOf(snapshot, 'x')).toBe(-1n);
  expect(progressOf(snapshot, 'y')).toBeNull();
});

test('later metadata replaces the former wholly; what it leaves out is empty', () => {
  const bare = { id: 'i', format: { provider: 'parquet', options: {} }, schemaString: METADATA.schemaString };
  const snapshot = replay([HEAD, [{ metaData: bare } as unknown as Action]]);
  expect(snapshot.metaData).toEqual({ ...bare, partitionColumns: [], configuration: {} });
});

test.each([['protocol', [{ metaData: METADATA }]], ['metaData', [{ protocol: PROTOCOL }]]])('no snapshot without %s', (name, actions) => {
  expect(() => replay([actions])).toThrow(expect.objectContaining({ code: 'delta/no-metadata', message: expect.stringContaining(`no ${name}`) as string }));
});

test('a version that needs a feature we lack is refused when it comes', () => {
  const base = replay([HEAD]);
  expect(() => replay([[{ protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['novel'], writerFeatures: ['novel'] } }]], base)).toThrow(/novel/);
});

test('unknown actions and unknown fields do no harm, and fields stay', () => {
  const snapshot = replay([[...HEAD, { novel: { a: 1 } } as Action, { add: { ...add('a').add!, baseRowId: 7 } }]]);
  expect(snapshot.files.get('a')).toMatchObject({ baseRowId: 7 });
});
