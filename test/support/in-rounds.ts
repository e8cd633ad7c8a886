import type { ObjectStore } from '../../shared/storage/object-store.ts';

/** A store each of whose requests takes one round, the same for all that wait at once: `rounds` is how deep the work was. */
export function inRounds(store: ObjectStore): { readonly store: ObjectStore; rounds(): number } {
  let rounds = 0;
  let next: Promise<void> | null = null;
  const round = () => next ??= new Promise((resolve) => setImmediate(() => {
    rounds++;
    next = null;
    resolve();
  }));
  const wrapped = new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function' || ['nowMs', 'localPath', 'sub'].includes(String(name))) return typeof method === 'function' ? method.bind(target) as unknown : method;
      if (name === 'list') {
        return async function* list(prefix: string) {
          await round();
          yield* target.list(prefix);
        };
      }
      return async (...args: unknown[]) => {
        await round();
        return (method as (...args: unknown[]) => Promise<unknown>).apply(target, args);
      };
    },
  });
  return { store: wrapped, rounds: () => rounds };
}
