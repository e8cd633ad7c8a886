import type { Broker } from '../../shared/sources/broker.ts';
import type { ObjectInfo, ObjectStore } from '../../shared/storage/object-store.ts';
import type { Mutant } from './supervisor.ts';

/** Programs that are wrong in one way, made from the right one by what its store tells it. The simulation must tell each from the right one. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'takes "exists" for a lost race, without comparing who won': (store) => changed(store, {
    get: async (key) => edited(await store.get(key), isCommit(key), (text) => text.replace(/"txnId":"[^"]*"/, '"txnId":"of somebody else"')),
  }),
  'takes no answer for success': (store) => changed(store, {
    putIfAbsent: async (key, body) => {
      const outcome = await store.putIfAbsent(key, body);
      return outcome === 'unknown' && isCommit(key) ? 'created' : outcome;
    },
  }),
  'takes a lost race for success': (store) => changed(store, {
    putIfAbsent: async (key, body) => {
      const outcome = await store.putIfAbsent(key, body);
      return outcome === 'exists' && isCommit(key) ? 'created' : outcome;
    },
  }),
  'forgets progress': (store) => changed(store, {
    putIfAbsent: (key, body) => store.putIfAbsent(key, edited(body, isCommit(key), (text) => text.replace(/^\{"txn":.*\n/gm, ''))!),
  }),
  'adds rejected rows a second time, where it should replace them': (store) => changed(store, {
    putIfAbsent: (key, body) => store.putIfAbsent(key, edited(body, isCommit(key) && key.startsWith('quarantine_events/'), (text) => text.replace(/^\{"remove":.*"dataChange":true.*\n/gm, ''))!),
  }),
  'does not see that a rival added rows': (store) => changed(store, {
    get: async (key) => edited(await store.get(key), isCommit(key), (text) => text.replaceAll(/("add":.*"dataChange":)true/g, '$1false')),
  }),
  'does not see that a rival removed a file': (store) => changed(store, {
    get: async (key) => edited(await store.get(key), isCommit(key), (text) => text.replace(/^\{"remove":.*\n/gm, '')),
  }),
  'lists no gaps': (store) => changed(store, {
    putIfAbsent: (key, body) => store.putIfAbsent(key, edited(body, isCommit(key) && key.startsWith('offset_gaps/'), (text) => text.replace(/^\{"add":.*\n/gm, ''))!),
  }),
  'takes young files for old ones, where it deletes what no version names': (store) => changed(store, {
    list: (prefix) => aged(store.list(prefix)),
  }),
  'brings rows back that went under a rewrite': (store) => changed(store, {
    putIfAbsent: (key, body) => store.putIfAbsent(key, edited(body, isCommit(key) && isRewrite(body), (text) => text.replace(/^(\{"add":.*),"deletionVector":\{[^}]*\}/gm, '$1'))!),
  }),
  'overwrites the log': (store) => changed(store, {
    putIfAbsent: async (key, body) => {
      if (!isCommit(key)) return store.putIfAbsent(key, body);
      await store.put(key, body);
      return 'created';
    },
  }),
};

/** Programs that misunderstand their broker. */
export const BROKER_MUTANTS: Readonly<Record<string, (broker: Broker) => Broker>> = {
  'takes for compacted what it was not given': (broker) => ({
    ...asking(broker),
    read: (_from, ranges) => Promise.resolve({ records: [], missing: ranges.map((range) => ({ ...range, cause: 'compacted' })), bytes: 0, next: ranges.at(-1)!.lastOffset + 1n }),
  }),
  'reads one record less than there is': (broker) => ({
    ...asking(broker),
    read: async (...asked) => {
      const read = await broker.read(...asked);
      return { ...read, records: read.records.slice(1) };
    },
  }),
  'asks for a topic\'s id once': (broker) => {
    const ids = new Map<string, Promise<string>>();
    return {
      ...asking(broker),
      topicId: (topic) => {
        const id = ids.get(topic) ?? broker.topicId(topic);
        ids.set(topic, id);
        return id;
      },
    };
  },
  'reads whatever has the topic\'s name': (broker) => ({
    ...asking(broker),
    read: async (from, ...asked) => broker.read({ ...from, topicId: await broker.topicId(from.topic) }, ...asked),
  }),
  'finds every batch to be of the life that goes on': (broker) => ({
    ...asking(broker),
    read: async (from, ranges, limits) => {
      const read = await broker.read(from, ranges, limits);
      // What one batch is compared by: few offsets, many records allowed.
      return limits.recordsMax === 1_000 ? { ...read, records: [], missing: ranges.map((range) => ({ ...range, cause: 'expired' })) } : read;
    },
  }),
};

function asking(broker: Broker): Broker {
  return {
    topicId: (topic) => broker.topicId(topic), offsets: (topic) => broker.offsets(topic), offsetForTime: (topic, timestampMs) => broker.offsetForTime(topic, timestampMs),
    committed: (group, topic) => broker.committed(group, topic), read: (...asked) => broker.read(...asked),
  };
}

async function* aged(files: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo> {
  for await (const file of files) yield file.key.includes('_delta_log/') ? file : { ...file, lastModifiedMs: 0 };
}

const isRewrite = (body: Uint8Array) => Buffer.from(body).includes('"operation":"OPTIMIZE"');
const isCommit = (key: string) => /_delta_log\/\d{20}\.json$/.test(key);

function edited(body: Uint8Array | null, isMeant: boolean, edit: (text: string) => string): Uint8Array | null {
  return body === null || !isMeant ? body : Buffer.from(edit(Buffer.from(body).toString('utf8')));
}

/** The store, with some of its methods changed; its folders too. */
function changed(store: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  const mutant: ObjectStore = {
    url: store.url,
    get: (key) => store.get(key), head: (key) => store.head(key), putIfAbsent: (key, body) => store.putIfAbsent(key, body), put: (key, body) => store.put(key, body),
    putFile: (key, path) => store.putFile(key, path), getFile: (key, path) => store.getFile(key, path), localPath: (key) => store.localPath(key),
    list: (prefix) => store.list(prefix), delete: (key) => store.delete(key), nowMs: () => store.nowMs(),
    sub: (folder) => below(mutant, folder),
    ...methods,
  };
  return mutant;
}

function below(store: ObjectStore, folder: string): ObjectStore {
  const inside = (key: string) => `${folder}/${key}`;
  const cut = folder.length + 1;
  return {
    url: `${store.url}/${folder}`,
    get: (key) => store.get(inside(key)), putIfAbsent: (key, body) => store.putIfAbsent(inside(key), body), put: (key, body) => store.put(inside(key), body),
    head: async (key) => {
      const info = await store.head(inside(key));
      return info && { ...info, key };
    },
    putFile: (key, path) => store.putFile(inside(key), path), getFile: (key, path) => store.getFile(inside(key), path), localPath: (key) => store.localPath(inside(key)),
    async *list(prefix) {
      for await (const info of store.list(inside(prefix))) yield { ...info, key: info.key.slice(cut) };
    },
    delete: (key) => store.delete(inside(key)), nowMs: () => store.nowMs(), sub: (inner) => below(store, inside(inner)),
  };
}
