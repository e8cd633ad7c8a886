import { setImmediate } from 'node:timers/promises';
import { machineClock } from '../../local/host/host-clock.ts';
import { KafkaListener } from '../../local/host/kafka-listener.ts';
import { KafkaSource } from '../../local/kafka-source.ts';
import type { TriggerCommand, TriggerMessage, TriggerOptions } from './trigger-process.ts';

/** A host's Kafka trigger in a process of its own: tells of every batch, and holds it until it is let go. */
const options = JSON.parse(process.argv[2]) as TriggerOptions;
const tell = (message: TriggerMessage): void => void process.send!(message);

let held: (() => void) | null = null;
let holds = options.holds;

const source = await KafkaSource.open({
  ...options.source, clientId: options.name, onProblem: (text) => tell({ kind: 'log', text }),
});
const listener = new KafkaListener({
  name: options.name, source, kafka: options.kafka, clock: machineClock,
  log: (_level, _category, text) => tell({ kind: 'log', text }),
  execute: async (records) => {
    tell({ kind: 'begun', offsets: records.map(({ partition, offset }) => [partition, Number(offset)]) });
    if (holds) await new Promise<void>((resolve) => (held = resolve));
    await setImmediate();
    tell({ kind: 'done', offsets: records.map(({ partition, offset }) => [partition, Number(offset)]) });
  },
});

process.on('message', (command: TriggerCommand) => {
  if (command === 'flow') holds = false;
  if (command === 'release' || command === 'flow') {
    held?.();
    held = null;
  }
  if (command === 'stop') {
    void (async () => {
      await listener.stop();
      await source.close();
      process.disconnect();
    })();
  }
});
listener.start();
tell({ kind: 'log', text: 'started' });
