import type { DataType, StructType } from '../../shared/delta/schema.ts';
import { countRows } from '../../shared/pipeline/balance-facts.ts';
import { bytesOf } from '../../shared/pipeline/stage.ts';
import type { Command } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { snapshotAsked } from './table-read.ts';
import { bytesText, countText, timeText } from './text.ts';

export const tableDescribeCommand: Command = {
  name: 'table describe',
  usage: 'NAME|URL [--version N] [--json]',
  wordsMax: 1,
  summary: 'Show what a table is: protocol, schema, partition columns, properties, progress',
  options: { version: { type: 'string' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, async ({ table }) => {
    const { version, protocol, metaData, schema, files, txns, domains } = await snapshotAsked(table, flags);
    const adds = [...files.values()];
    const facts = {
      table: table.delta.source.table, url: table.delta.source.store.url, id: metaData.id, description: metaData.description ?? null,
      created: timeText(metaData.createdTime ?? null), version, rows: countRows(adds), files: adds.length, bytes: bytesOf(adds), protocol, schema,
      partitionColumns: metaData.partitionColumns, properties: metaData.configuration,
      txns: Object.fromEntries([...txns.values()].map((txn) => [txn.appId, txn.version])), domains: [...domains.values()],
    };
    const columns = await gridText(['column', 'type', 'null', 'partition'], columnsOf(schema).map(([name, type, nullable]) =>
      [name, type, nullable ? 'yes' : 'no', metaData.partitionColumns.includes(name) ? 'yes' : '']));
    out.result(facts, () => [
      `Table       ${facts.table}${facts.description === null ? '' : `: ${facts.description}`}`,
      `Where       ${facts.url}`,
      `Id          ${facts.id}${facts.created === null ? '' : `, created ${facts.created}`}`,
      `Version     ${version}: ${countText(facts.rows)} rows, ${countText(facts.files)} files, ${bytesText(facts.bytes)}`,
      `Protocol    reader ${protocol.minReaderVersion}${featureText(protocol.readerFeatures)}, writer ${protocol.minWriterVersion}${featureText(protocol.writerFeatures)}`,
      '', columns,
      ...section('Properties', Object.entries(metaData.configuration)),
      ...section('Progress', Object.entries(facts.txns).map(([appId, progress]) => [appId, String(progress)])),
      ...section('Domains', facts.domains.map(({ domain, configuration }) => [domain, configuration])),
    ].join('\n'));
    return 0;
  }),
};

function featureText(features: readonly string[] | null | undefined): string {
  return features && features.length > 0 ? ` (${features.join(', ')})` : '';
}

function section(title: string, entries: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.length === 0 ? [] : ['', title, ...entries.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)];
}

/** Nested fields under their parents' names. */
function columnsOf(schema: StructType, prefix = ''): [name: string, type: string, nullable: boolean][] {
  return schema.fields.flatMap(({ name, type, nullable }) => [
    [prefix + name, typeText(type), nullable] as [string, string, boolean],
    ...(typeof type !== 'string' && type.type === 'struct' ? columnsOf(type, `${prefix}${name}.`) : []),
  ]);
}

/** As SQL engines write Delta's types: `array<struct<key: string, value: binary>>`. */
export function typeText(type: DataType): string {
  if (typeof type === 'string') return type;
  if (type.type === 'array') return `array<${typeText(type.elementType)}>`;
  if (type.type === 'map') return `map<${typeText(type.keyType)}, ${typeText(type.valueType)}>`;
  return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}>`;
}
