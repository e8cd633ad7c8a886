/** Pipelines whose columns are named like words of SQL, like what our statements call their own, or with quotes. */

const MODEL = { name: 'odd', trees: 10, max_samples: 32, contamination: 'auto', seed: 7 };

interface OddColumn { readonly name: string; readonly type: string; readonly [more: string]: unknown }

function pipeline(name: string, columns: readonly OddColumn[], roles: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ name, 'assay.generation': 1, topics: [{ name: 'events' }], columns, ...roles, model: { ...MODEL, name } });
}

const optional = (...names: string[]): OddColumn[] => names.map((name) => ({ name, type: 'string', path: `$.${name}`, required: false }));

export const oddPipelines: Readonly<Record<string, string>> = {
  'words of SQL': pipeline('words', [
    { name: 'order', type: 'id' }, { name: 'select', type: 'long' }, { name: 'at', type: 'timestamp' }, { name: 'where', type: 'double' },
    { name: 'group', type: 'string', allowed: ['from', 'it\'s', 'null'] }, ...optional('table', 'end', 'case', 'with', 'union', 'by', 'all', 'primary', 'nulls'),
  ], { key: ['order', 'select'], event_time: 'at', partition_by: ['group'], features: ['where'] }),
  'our own words': pipeline('own', [
    { name: 'position', type: 'id' }, { name: 'sign', type: 'boolean' }, { name: 'net', type: 'timestamp' }, { name: 'n', type: 'double' },
    { name: 'kept', type: 'long' }, { name: 'file', type: 'string', allowed: ['from', 'it\'s', 'null'] },
    ...optional('candidates', 'version', 'changed', 'scored', 'scores', 'merged', 'ordered', 'winning', 'rejected', 'rows', 'raw_candidates', 'filename', 'rank'),
  ], { key: ['position', 'sign'], event_time: 'net', partition_by: ['file'], features: ['n', 'kept'] }),
  'aliases': pipeline('aliases', [
    { name: 's', type: 'id' }, { name: 'c', type: 'timestamp' }, { name: 'b', type: 'timestamp' }, { name: 'min0', type: 'double' }, { name: 'c0', type: 'long' },
    { name: 'series', type: 'string', allowed: ['from', 'it\'s', 'null'] }, ...optional('r', 'v', 'o', 'd', 'max0', 'event_time', 'kafka', 'flagged', 'count', 'winner_rows'),
  ], { key: ['s', 'c'], event_time: 'b', partition_by: ['series'], features: ['min0', 'c0'] }),
  'the page\'s words': pipeline('page', [
    { name: 'place', type: 'id' }, { name: 'at_ms', type: 'timestamp' }, { name: 'value', type: 'double' }, { name: 'flagged', type: 'long' },
    { name: 'rows', type: 'string', allowed: ['from', 'it\'s', 'null'] }, ...optional('step', 'series', 'bin', 'total'),
  ], { key: ['place', 'flagged'], event_time: 'at_ms', partition_by: ['rows'], features: ['value', 'flagged'] }),
  'quotes and letters': pipeline('quotes', [
    { name: 'we"ird', type: 'id', path: '$.weird' }, { name: 'l\'heure', type: 'timestamp', path: '$.heure' }, { name: 'größe', type: 'double' }, { name: 'a.b', type: 'long', path: '$.ab' },
    { name: 'back\\slash', type: 'string', path: '$.slash', allowed: ['from', 'it\'s', 'null'] }, ...optional('日本', '?', '__proto__', 'constructor'), { name: '*', type: 'string', path: '$.star', required: false },
  ], { key: ['we"ird', 'a.b'], event_time: 'l\'heure', partition_by: ['back\\slash'], features: ['größe', 'a.b'] }),
};
