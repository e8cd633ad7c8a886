import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { eventsPipeline, ordersPipeline, ruleSettings } from '../support/pipelines.ts';

const events = readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8');
const orders = readFileSync(new URL('../fixtures/orders.json', import.meta.url), 'utf8');

function mistakesOf(text: string): string[] {
  try {
    parsePipelineFile(text, 'p.json', ruleSettings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.code).toBe('pipeline/invalid');
    const lines = error.message.split('\n').slice(1, -1).map((line) => line.trim());
    expect(error.facts).toEqual({ file: 'p.json', mistakes: lines.length });
    return lines;
  }
  return [];
}

/** The shipped file with one piece of text replaced; the piece must be there once. */
function edited(from: string, to: string, text = events): string {
  expect(text.split(from)).toHaveLength(2);
  return text.replace(from, () => to);
}

describe('the files there are', () => {
  test('events.json is the original pipeline', () => {
    const { rulesHash, ...pipeline } = eventsPipeline();
    expect(rulesHash).toMatch(/^[0-9a-f]{16}$/u);
    expect(pipeline).toEqual({
      name: 'events', generation: 1,
      topics: [{ name: 'events', payload: 'text', format: 'json', compression: 'none', where: null, start: 'earliest' }],
      key: ['event_id'], eventTime: 'timestamp',
      columns: [
        { name: 'event_id', type: 'id', path: ['event_id'], required: true, allowed: null },
        { name: 'event_type', type: 'string', path: ['event_type'], required: true, allowed: ['click', 'purchase', 'view'] },
        { name: 'timestamp', type: 'timestamp', path: ['timestamp'], required: true, allowed: null },
        { name: 'value', type: 'double', path: ['value'], required: true, allowed: null },
      ],
      rules: [], partitionBy: ['event_type'], zOrderBy: ['event_id', 'timestamp'], deletionVectors: true, features: ['value'],
      model: { name: 'iforest_silver_anomaly_detector', trees: 100, maxSamples: 256, contamination: 0.01, seed: 42 },
    });
  });

  test('orders.json has everything else', () => {
    expect(ordersPipeline()).toMatchObject({
      generation: 3,
      topics: [
        { name: 'orders.eu', payload: 'text', format: 'json', start: { timestampMs: 1_743_465_600_000 } },
        { name: 'orders.us', payload: 'bytes', format: 'json', start: 'latest' },
      ],
      key: ['shop', 'order_no'],
      rules: [
        { name: 'amount_in_range', column: 'amount', check: { kind: 'range', min: 0, max: 100_000 }, action: 'quarantine' },
        { name: 'coupon_length', column: 'coupon', check: { kind: 'length', min: 2, max: 4 }, action: 'quarantine' },
        { name: 'odd_customer', column: 'customer', check: { kind: 'pattern', pattern: /^[A-Z]-\p{Nd}+$/u }, action: 'flag' },
        { name: 'usual_items', column: 'items', check: { kind: 'set', values: [1, 2, 3] }, action: 'flag' },
        { name: 'order_no_positive', column: 'order_no', check: { kind: 'range', min: 1, max: null }, action: 'fail' },
      ],
      model: { contamination: 'auto' },
    });
    expect(ordersPipeline().columns.map(({ path }) => path.join('.'))).toEqual(['shop', 'order.no', 'order.at', 'total.amount', 'gift', 'coupon', 'customer.id', 'items']);
  });
});

describe('one mistake', () => {
  test.each<[string, string, string]>([
    ['"name": "events",\n', '"name": "my events",\n', "p.json:3:11 name is \"my events\": a pipeline's name is a letter and then letters, digits, - and _, at most 64"],
    ['"assay.generation": 1', '"assay.generation": 0', 'p.json:4:23 assay.generation must be an integer from 1 to 9007199254740991'],
    ['"assay.generation": 1', '"assay.generation": 1.5', 'p.json:4:23 assay.generation must be an integer from 1 to 9007199254740991'],
    ['"assay.generation": 1', '"assay.generation": "1"', 'p.json:4:23 assay.generation must be an integer from 1 to 9007199254740991'],
    ['"rules": []', '"ruels": []', 'p.json:16:3 ruels is no key here (did you mean "rules"?)'],
    ['"rules": []', '"rules": {}', 'p.json:16:12 rules must be a list'],
    ['"rules": []', '"rules": [7]', 'p.json:16:13 rules[0] must be an object'],
    ['"rules": []', '"rules": [], "rules": []', 'p.json:16:16 rules stands here twice'],
    ['"payload": "text"', '"payload": "txt"', 'p.json:6:36 topics[0].payload is "txt" (did you mean "text"?)'],
    ['"format": "json"', '"format": "xml"', 'p.json:6:54 topics[0].format is "xml" (there is "json", "avro", "json-schema", "protobuf")'],
    ['"format": "json"', '"format": "avro"', 'p.json:6:36 topics[0].payload is "text", but framed avro is no text: leave payload out, or say "bytes"'],
    ['"format": "json"', '"compression": "gzip"', 'p.json:6:36 topics[0].payload is "text", but gzip is no text: leave payload out, or say "bytes"'],
    ['"start": "earliest"', '"where": {"equals": "a"}', 'p.json:6:71 topics[0].where names either a header or a field'],
    ['"start": "earliest"', '"where": {"header": "h", "field": "$.f", "equals": "a"}', 'p.json:6:71 topics[0].where names either a header or a field'],
    ['"start": "earliest"', '"where": {"field": "f", "equals": "a"}', 'p.json:6:81 topics[0].where.field is "f": a path is $.name or $.outer.inner'],
    ['"start": "earliest"', '"where": {"header": "h", "equals": []}', 'p.json:6:97 topics[0].where.equals must have at least one value'],
    ['"start": "earliest"', '"start": 0', 'p.json:6:71 topics[0].start must be a text that is not empty'],
    ['"start": "earliest"', '"start": {"timestamp_ms": -1}', 'p.json:6:88 topics[0].start.timestamp_ms must be an integer from 0 to 9007199254740991'],
    ['{ "name": "events", "payload"', '{ "name": "a/b", "payload"', "p.json:6:15 topics[0].name is \"a/b\": a topic's name is at most 249 letters, digits, dots, underscores and dashes"],
    ['"type": "double"', '"type": "float"', 'p.json:12:32 columns[3].type is "float" (there is "id", "string", "timestamp", "double", "long", "boolean")'],
    ['"path": "$.value"', '"path": "value"', 'p.json:12:50 columns[3].path is "value": a path is $.name or $.outer.inner'],
    ['"path": "$.value"', '"path": "$.a[0]"', 'p.json:12:50 columns[3].path is "$.a[0]": a path is $.name or $.outer.inner'],
    ['"path": "$.value"', '"path": "$..a"', 'p.json:12:50 columns[3].path is "$..a": a path is $.name or $.outer.inner'],
    ['"path": "$.value"', '"required": 1', 'p.json:12:54 columns[3].required must be true or false'],
    ['"path": "$.value"', '"allowed": ["1"]', 'p.json:12:53 columns[3].allowed is for columns of type string, and this one is double'],
    ['["click", "purchase", "view"]', '["click", "view", "click"]', 'p.json:10:100 columns[1].allowed[2] repeats "click"'],
    ['["click", "purchase", "view"]', '["click", ""]', 'p.json:10:92 columns[1].allowed[1] must be a text that is not empty'],
    ['"key": ["event_id"]', '"key": []', 'p.json:14:10 key must name at least one column'],
    ['"key": ["event_id"]', '"key": ["event_id", "event_id"]', 'p.json:14:23 key[1] repeats "event_id"'],
    ['"key": ["event_id"]', '"key": ["eventid"]', 'p.json:14:11 key names "eventid", which is no column (did you mean "event_id"?)'],
    ['"key": ["event_id"]', '"key": ["value"]', 'p.json:14:11 key names "value", which is double and must be id, string, long, timestamp, boolean'],
    ['"event_time": "timestamp"', '"event_time": "value"', 'p.json:15:17 event_time names "value", which is double and must be timestamp'],
    ['"event_time": "timestamp"', '"event_time": 3', 'p.json:15:17 event_time must be a text that is not empty'],
    ['"partition_by": ["event_type"]', '"partition_by": ["value"]', 'p.json:17:20 partition_by names "value", which is double: partitioning takes a string with allowed values, a long or a boolean'],
    ['"z_order_by": [', '"deletion_vectors": "yes", "z_order_by": [', 'p.json:18:23 deletion_vectors must be true or false'],
    ['["event_id", "timestamp"]', '["event_type"]', 'p.json:18:18 z_order_by names "event_type", which is a partition column already'],
    ['"features": ["value"]', '"features": ["timestamp"]', 'p.json:19:16 features names "timestamp", which is timestamp and must be double, long'],
    ['"seed": 42', '"seed": -1', 'p.json:25:13 model.seed must be an integer from 0 to 4294967295'],
    ['"trees": 100', '"trees": 0', 'p.json:22:14 model.trees must be an integer from 1 to 10000'],
    ['"max_samples": 256', '"max_samples": 1', 'p.json:23:20 model.max_samples must be an integer from 2 to 1000000'],
    ['"contamination": 0.01', '"contamination": 0', 'p.json:24:22 model.contamination must be "auto" or a number above 0 and at most 0.5'],
    ['"contamination": 0.01', '"contamination": 0.51', 'p.json:24:22 model.contamination must be "auto" or a number above 0 and at most 0.5'],
    ['"contamination": 0.01', '"contamination": "automatic"', 'p.json:24:22 model.contamination must be "auto" or a number above 0 and at most 0.5'],
    ['    "seed": 42\n', '    "sead": 42, "seed": 42\n', 'p.json:25:5 model.sead is no key here (did you mean "seed"?)'],
    [',\n    "seed": 42', '', 'p.json:20:12 model.seed is missing'],
  ])('%s → %s', (from, to, mistake) => {
    expect(mistakesOf(edited(from, to))).toEqual([mistake]);
  });

  test.each([
    ['"name": "value"', '"name": "va lue"', ' '], ['"name": "value"', '"name": "va,lue"', ','], ['"name": "value"', '"name": "va;lue"', ';'],
    ['"name": "value"', '"name": "va{lue"', '{'], ['"name": "value"', '"name": "va}lue"', '}'], ['"name": "value"', '"name": "va(lue"', '('],
    ['"name": "value"', '"name": "va)lue"', ')'], ['"name": "value"', '"name": "va\\nlue"', '\n'], ['"name": "value"', '"name": "va\\tlue"', '\t'],
    ['"name": "value"', '"name": "va=lue"', '='],
  ])('%s → %s holds what Delta refuses', (from, to, character) => {
    expect(mistakesOf(edited(from, to)).filter((line) => line.includes('Delta refuses')))
      .toEqual([expect.stringContaining(`holds ${JSON.stringify(character)}, which Delta refuses`)]);
  });

  test.each([
    'event_date', 'is_late', 'late_by_ms', 'rescued', 'rule_flags', 'topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp', 'bronze_version',
    'rules_hash', 'ingested_at', 'processed_at', 'Offset', 'RESCUED', '_change_type',
  ])('%s is a column of Silver itself', (name) => {
    const extra = `{ "name": "${name}", "type": "string", "path": "$.other" },\n    { "name": "value"`;
    expect(mistakesOf(edited('{ "name": "value"', extra))).toEqual([
      `p.json:12:15 columns[3].name "${name}" is a column that Silver has of its own: choose another name and keep the path`,
    ]);
  });

  test('names differ by more than case', () => {
    expect(mistakesOf(edited('{ "name": "value"', '{ "name": "EVENT_ID", "type": "id" },\n    { "name": "value"'))).toEqual([
      'p.json:12:15 columns[3].name "EVENT_ID" is the name of another column (names are compared without regard to case)',
    ]);
  });

  test('a name of Gold is refused only where Gold takes the column over', () => {
    const asFeature = edited('"name": "value"', '"name": "anomaly_score"').replace('"features": ["value"]', '"features": ["anomaly_score"]');
    expect(mistakesOf(asFeature)).toEqual(['p.json:19:16 features names "anomaly_score", which is a column that Gold has of its own']);
    expect(mistakesOf(edited('{ "name": "value"', '{ "name": "reason", "type": "string" },\n    { "name": "value"'))).toEqual([]);
  });

  test.each([['"gift", "type": "boolean"', '"gift", "type": "boolean", "required": false', '"partition_by": ["shop"]', '"partition_by": ["gift"]', 'partition_by names "gift"'],
    ['"$.total.amount"', '"$.total.amount", "required": false', '"features"', '"features"', 'features names "amount"'],
    ['"$.order.at"', '"$.order.at", "required": false', '"features"', '"features"', 'event_time names "placed_at"'],
    ['"$.order.no"', '"$.order.no", "required": false', '"features"', '"features"', 'key names "order_no"'],
  ])('roles are for required columns: %s', (from, to, roleFrom, roleTo, mistake) => {
    expect(mistakesOf(edited(from, to, edited(roleFrom, roleTo, orders)))).toEqual([expect.stringContaining(`${mistake}, which is not required: every row must have it`)]);
  });

  test('a topic twice', () => {
    expect(mistakesOf(edited('"start": "earliest" }', '"start": "earliest" },\n    { "name": "events" }'))).toEqual(['p.json:7:15 topics[1].name is "events", which stands here twice']);
  });
});

describe('rules', () => {
  test.each<[string, string]>([
    ['{ "name": "Bad", "column": "value", "range": { "min": 0 } }', 'p.json:16:23 rules[0].name is "Bad": a rule\'s name is at most 64 lower-case letters, digits and underscores'],
    ['{ "name": "invalid_value", "column": "value", "range": { "min": 0 } }', 'p.json:16:23 rules[0].name is "invalid_value": another rule or a reason of Assay\'s own has this name'],
    ['{ "name": "not_utf8", "column": "value", "range": { "min": 0 } }', 'p.json:16:23 rules[0].name is "not_utf8": another rule or a reason of Assay\'s own has this name'],
    ['{ "name": "r", "column": "valu", "range": { "min": 0 } }', 'p.json:16:38 rules[0].column names "valu", which is no column (did you mean "value"?)'],
    ['{ "name": "r", "column": "value" }', 'p.json:16:13 rules[0] must have exactly one of range, length, pattern, set'],
    ['{ "name": "r", "column": "value", "range": { "min": 0 }, "set": [1] }', 'p.json:16:13 rules[0] must have exactly one of range, length, pattern, set'],
    ['{ "name": "r", "column": "value", "action": "drop", "range": { "min": 0 } }', 'p.json:16:57 rules[0].action is "drop" (there is "quarantine", "flag", "fail")'],
    ['{ "name": "r", "column": "event_id", "range": { "min": 0 } }', 'p.json:16:59 rules[0].range is for columns of type double, long, and event_id is id'],
    ['{ "name": "r", "column": "value", "pattern": "^1" }', 'p.json:16:58 rules[0].pattern is for columns of type id, string, and value is double'],
    ['{ "name": "r", "column": "value", "length": { "min": 1 } }', 'p.json:16:57 rules[0].length is for columns of type id, string, and value is double'],
    ['{ "name": "r", "column": "timestamp", "set": [1] }', 'p.json:16:58 rules[0].set is for columns of type id, string, double, long, boolean, and timestamp is timestamp'],
    ['{ "name": "r", "column": "value", "range": {} }', 'p.json:16:56 rules[0].range must have min, max or both'],
    ['{ "name": "r", "column": "value", "range": { "min": 2, "max": 1 } }', 'p.json:16:56 rules[0].range has a min of 2 above its max of 1'],
    ['{ "name": "r", "column": "value", "range": { "min": "0" } }', 'p.json:16:65 rules[0].range.min must be a finite number'],
    ['{ "name": "r", "column": "value", "range": { "max": 1e400 } }', 'p.json:16:65 rules[0].range.max must be a finite number'],
    ['{ "name": "r", "column": "event_id", "length": { "max": 1.5 } }', 'p.json:16:69 rules[0].length.max must be an integer from 0 to 9007199254740991'],
    ['{ "name": "r", "column": "event_id", "set": [] }', 'p.json:16:57 rules[0].set must name at least one value'],
    ['{ "name": "r", "column": "event_id", "set": ["a", 1] }', 'p.json:16:63 rules[0].set[1] is no value of a column of type id'],
    ['{ "name": "r", "column": "event_id", "pattern": "(" }', 'p.json:16:61 rules[0].pattern is no regular expression: Invalid regular expression: /(/u: Unterminated group'],
    ['{ "name": "r", "column": "value", "range": { "min": 0 } }, { "name": "r", "column": "value", "range": { "min": 0 } }', 'p.json:16:82 rules[1].name is "r": another rule or a reason of Assay\'s own has this name'],
  ])('%s', (rule, mistake) => {
    expect(mistakesOf(edited('"rules": []', `"rules": [${rule}]`))).toEqual([mistake]);
  });

  test('bounds and sets of a long are whole numbers that a double holds', () => {
    expect(mistakesOf(edited('"range": { "min": 1 }', '"range": { "min": 0.5 }', orders))).toEqual([expect.stringContaining('rules[4].range.min must be an integer')]);
    expect(mistakesOf(edited('"set": [1, 2, 3]', '"set": [1, 9007199254740993]', orders))).toEqual([expect.stringContaining('rules[3].set[1] is no value of a column of type long')]);
  });
});

describe('the file as a whole', () => {
  test.each([
    ['', 'p.json:1:1 this is not JSON: the text ends too early'],
    ['{\n  "name": "x",\n}', "p.json:3:1 this is not JSON: unexpected '}'"],
    ['{\n  // a comment\n}', "p.json:2:3 this is not JSON: unexpected '/'"],
    ['[]', 'p.json:1:1 a pipeline is one JSON object'],
    ['\n null', 'p.json:2:2 a pipeline is one JSON object'],
  ])('%j', (text, mistake) => {
    expect(mistakesOf(text)).toEqual([mistake]);
  });

  test('all mistakes are told at once, in the order of the file, and none follows from another', () => {
    const text = events.replace('"id"', '"idd"').replace('"trees": 100', '"trees": "many"').replace('"features": ["value"]', '"features": ["valeu"]');
    expect(mistakesOf(text)).toEqual([
      'p.json:9:35 columns[0].type is "idd" (did you mean "id"?)',
      'p.json:19:16 features names "valeu", which is no column (did you mean "value"?)',
      'p.json:22:14 model.trees must be an integer from 1 to 10000',
    ]);
  });

  test('an empty object lacks every required key', () => {
    expect(mistakesOf('{}').map((line) => line.split(' ')[1])).toEqual(['name', 'assay.generation', 'topics', 'columns', 'key', 'event_time', 'features', 'model']);
  });

  test('whatever is taken out of the file or put in its place, the answer is a pipeline or a ConfigError', () => {
    const piece = fc.tuple(fc.nat(orders.length), fc.nat(30), fc.constantFrom('', '{', '}', '"', '1', 'null', '[]', '""', ', ', 'x'));
    fc.assert(fc.property(piece, ([at, cut, insert]) => {
      mistakesOf(orders.slice(0, at) + insert + orders.slice(at + cut));
    }), { numRuns: 2_000 });
  });

  test('whatever a value is replaced by, the answer is a pipeline or a ConfigError', () => {
    const document = JSON.parse(orders) as Record<string, unknown>;
    fc.assert(fc.property(fc.constantFrom(...Object.keys(document)), fc.jsonValue(), (key, value) => {
      mistakesOf(JSON.stringify({ ...document, [key]: value }));
      mistakesOf(JSON.stringify({ ...document, [key]: [value] }));
    }), { numRuns: 1_000 });
  });
});
