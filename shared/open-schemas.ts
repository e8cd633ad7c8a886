import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { Schemas } from './formats/schemas.ts';
import { SchemaRegistry } from './sources/schema-registry.ts';

/** The schemas of the registry that is set; null where none is. Asks for nothing yet. */
export function openSchemas(config: Pick<Config, 'schemaRegistryUrl' | 'schemaRegistryUsername' | 'schemaRegistryPassword'>, clock: Clock): Schemas | null {
  const { schemaRegistryUrl: url, schemaRegistryUsername: username, schemaRegistryPassword: password } = config;
  return url === null ? null : new Schemas({ source: new SchemaRegistry({ url, username, password, clock }), clock });
}
