import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo, Server } from 'node:net';
import type * as Rhea from 'rhea';

/** One event as it stood in a batch on the wire. */
export interface ReceivedEvent {
  readonly partitionKey: string | null;
  readonly body: Buffer;
  readonly properties: Readonly<Record<string, unknown>>;
}

const ACCEPTED = { 'status-code': 202, 'status-description': 'Accepted' };
const REFUSED = { 'status-code': 401, 'status-description': 'InvalidSignature', 'error-condition': 'amqp:unauthorized-access' };

/** A message as the library decodes it; the data sections of a batch are its events, encoded. */
interface Decoded {
  readonly body: { readonly content: Buffer | Buffer[] };
  readonly message_annotations?: Readonly<Record<string, unknown>>;
  readonly application_properties?: Readonly<Record<string, unknown>>;
}

/** The AMQP library that the SDK under test itself stands on. */
function rhea(): typeof Rhea {
  const sdk = createRequire(createRequire(import.meta.url).resolve('@azure/event-hubs'));
  return createRequire(sdk.resolve('rhea-promise'))('rhea') as typeof Rhea;
}

/**
 * An event hub on 127.0.0.1 as far as a producer sees one: claims-based security on `$cbs`, the hub's properties on `$management`, and
 * a link that takes batches (AMQP 1.0 over plain TCP, as the emulator's connection strings allow).
 */
export class TestEventHub {
  readonly events: ReceivedEvent[] = [];
  readonly batches: number[] = [];
  /** Whether `$cbs` accepts tokens. */
  tokensAccepted = true;
  readonly #server: Server;
  readonly #rhea: typeof Rhea;
  readonly #connections = new Set<Rhea.Connection>();

  private constructor(server: Server, library: typeof Rhea) {
    this.#server = server;
    this.#rhea = library;
  }

  static async start(hub: { name: string; partitions: number; messageBytesMax: number }): Promise<TestEventHub> {
    const library = rhea();
    const container = library.create_container();
    const server = container.listen({ port: 0, host: '127.0.0.1' });
    const double = new TestEventHub(server, library);
    container.on('connection_open', ({ connection }: Rhea.EventContext) => double.#connections.add(connection));
    // Receivers of the client, for the answers of $cbs and $management, keep the address they were opened with.
    container.on('sender_open', ({ sender }: Rhea.EventContext) => sender!.set_source(sender!.source));
    container.on('receiver_open', ({ receiver }: Rhea.EventContext) => {
      receiver!.set_target(receiver!.target);
      (receiver as unknown as { local: { attach: { max_message_size: number } } }).local.attach.max_message_size = hub.messageBytesMax;
    });
    container.on('message', (context: Rhea.EventContext) => double.#take(context, hub));
    if (!server.listening) await once(server, 'listening');
    return double;
  }

  connectionString(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=test;SharedAccessKey=test;UseDevelopmentEmulator=true;`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const connection of this.#connections) connection.close();
    await closed;
  }

  #take(context: Rhea.EventContext, hub: { name: string; partitions: number }): void {
    const message = context.message!;
    const address = (context.receiver!.target as { address: string }).address;
    if (address === '$cbs') {
      this.#answer(context, this.tokensAccepted ? ACCEPTED : REFUSED, null);
    } else if (address === '$management') {
      const partitions = Array.from({ length: hub.partitions }, (_, id) => String(id));
      this.#answer(context, { 'status-code': 200 }, { name: hub.name, created_at: new Date(0), partition_count: hub.partitions, partition_ids: partitions });
    } else {
      // The library leaves a delivery of a format of its own undecoded.
      const batch = this.#decode(message as unknown as Buffer);
      const parts = [batch.body.content].flat();
      this.batches.push(parts.length);
      for (const part of parts) this.events.push(eventOf(this.#decode(part), batch));
    }
  }

  #decode(bytes: Buffer): Decoded {
    return this.#rhea.message.decode(bytes) as unknown as Decoded;
  }

  #answer({ connection, message }: Rhea.EventContext, properties: Record<string, unknown>, body: unknown): void {
    const replyTo = message!.reply_to!;
    // The client names its receiving link after the place to reply to.
    const sender = connection.find_sender((link: Rhea.Sender) => link.name === replyTo);
    sender!.send({ correlation_id: message!.message_id, to: replyTo, application_properties: properties, body });
  }
}

function eventOf(event: Decoded, batch: Decoded): ReceivedEvent {
  return {
    partitionKey: (batch.message_annotations?.['x-opt-partition-key'] as string | undefined) ?? null,
    body: event.body.content as Buffer,
    properties: event.application_properties ?? {},
  };
}
