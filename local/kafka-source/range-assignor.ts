import type { GroupPartitionsAssigner } from '@platformatic/kafka';

/** The protocol's name in JoinGroup: members of other clients (librdkafka, Java) that know it may be in the same group. */
export const RANGE = 'range';

/**
 * Kafka's range assignment, librdkafka's default: topic by topic, the members that subscribe to it, in the order of their ids, get a run of
 * partitions each. The client's own assigner gives a topic to members that do not read it: one group with a member a topic would starve.
 */
export const assignRanges: GroupPartitionsAssigner = (_current, members, _topics, metadata) => {
  const assignments = new Map([...members.keys()].sort().map((memberId) => [memberId, new Map<string, { topic: string; partitions: number[] }>()]));
  for (const topic of new Set([...members.values()].flatMap((member) => member.topics ?? []))) {
    const readers = [...assignments].filter(([memberId]) => members.get(memberId)!.topics?.includes(topic));
    const partitionsCount = metadata.topics.get(topic)?.partitionsCount ?? 0;
    for (const [i, [, own]] of readers.entries()) {
      const [from, to] = [i, i + 1].map((n) => n * Math.floor(partitionsCount / readers.length) + Math.min(n, partitionsCount % readers.length));
      if (to > from) own.set(topic, { topic, partitions: Array.from({ length: to - from }, (_, k) => from + k) });
    }
  }
  return [...assignments].map(([memberId, own]) => ({ memberId, assignments: own }));
};
