import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineDiff } from '../../../local/schema/pipeline-edit.ts';
import type { NewColumn } from '../../../local/schema/pipeline-edit.ts';
import { columnType, promote } from '../../../local/schema/promotion.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { eventsPipelineText, ordersPipelineText, ruleSettings } from '../../support/pipelines.ts';

const city = { name: 'city', type: 'string', path: '$.geo.city', required: false } as const;
const promoted = (text: string, column: NewColumn = city) => promote({ text, fileName: 'p.json', column, settings: ruleSettings, silver: null });

describe('the file', () => {
  test('keeps its layout: one line more, the generation one higher', () => {
    const text = eventsPipelineText();
    expect(lineDiff(text, promoted(text).text)).toEqual([
      '-   "assay.generation": 1,', '+   "assay.generation": 2,',
      '-     { "name": "value", "type": "double", "path": "$.value" }',
      '+     { "name": "value", "type": "double", "path": "$.value" },',
      '+     { "name": "city", "type": "string", "path": "$.geo.city", "required": false }',
    ]);
  });

  test.each([
    { what: 'tabs and lines of its own', layout: (value: object) => JSON.stringify(value, null, '\t') },
    { what: 'CRLF', layout: (value: object) => JSON.stringify(value, null, 2).replaceAll('\n', '\r\n') },
    { what: 'no space at all', layout: (value: object) => JSON.stringify(value) },
  ])('as $what', ({ layout }) => {
    const before = JSON.parse(ordersPipelineText()) as { columns: object[]; 'assay.generation': number };
    const after = { ...before, columns: [...before.columns, city], 'assay.generation': before['assay.generation'] + 1 };
    const edited = promoted(layout(before)).text;
    expect(JSON.parse(edited)).toEqual(after);
    // Nothing else moved: what was put in is the only difference.
    expect(edited.replaceAll(/\s/g, '')).toBe(JSON.stringify(after).replaceAll(/\s/g, ''));
    expect(edited.includes('\r')).toBe(layout(before).includes('\r'));
    expect(edited.split('\n').every((line) => !edited.includes('\r') || line.endsWith('\r') || line === '}')).toBe(true);
  });

  test('is the pipeline with one column more, whatever its layout', () => {
    const file = JSON.parse(eventsPipelineText()) as { columns: object[] };
    fc.assert(fc.property(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 4 }), (indent, count) => {
      const text = JSON.stringify({ ...file, columns: file.columns.slice(0, 4) }, null, indent);
      const names = Array.from({ length: count }, (_, i) => `extra${i}`);
      const edited = names.reduce((sofar, name) => promoted(sofar, { ...city, name, path: `$.${name}` }).text, text);
      expect(promoted(edited).pipeline.columns.slice(4).map(({ name }) => name)).toEqual([...names, 'city']);
    }), { numRuns: 30 });
  });

  test('a diff of equal texts is empty, and one of different texts has every line', () => {
    expect(lineDiff('a\nb', 'a\nb')).toEqual([]);
    fc.assert(fc.property(fc.array(fc.constantFrom('a', 'b', 'c')), fc.array(fc.constantFrom('a', 'b', 'c')), (a, b) => {
      const diff = lineDiff(a.join('\n'), b.join('\n'));
      const taken = diff.filter((line) => line.startsWith('- ')).length;
      const put = diff.filter((line) => line.startsWith('+ ')).length;
      expect(a.join('\n').split('\n').length - taken + put).toBe(b.join('\n').split('\n').length);
    }));
  });
});

describe('what cannot be promoted is refused with a way out', () => {
  test.each([
    { what: 'a column that is there', column: { name: 'value', type: 'double', path: '$.value', required: true }, code: 'schema/column-exists', says: 'nothing to promote' },
    { what: 'another type, wider or not', column: { name: 'value', type: 'long', path: '$.value', required: true }, code: 'schema/type-change', says: 'assay schema promote value_long long --path $.value' },
    { what: 'the same name in other case', column: { name: 'Value', type: 'double', path: '$.Value', required: false }, code: 'schema/column-exists', says: '--path $.Value' },
    { what: 'a name that Silver has of its own', column: { name: 'offset', type: 'long', path: '$.offset', required: false }, code: 'pipeline/invalid', says: 'a column that Silver has of its own' },
    { what: 'a name that Delta refuses', column: { name: 'a b', type: 'long', path: '$.ab', required: false }, code: 'pipeline/invalid', says: 'which Delta refuses' },
    { what: 'a path that is none', column: { name: 'ab', type: 'long', path: '$.a[0]', required: false }, code: 'pipeline/invalid', says: 'a path is $.name' },
  ] as const)('$what', ({ column, code, says }) => {
    expect(() => promoted(eventsPipelineText(), column)).toThrow(expect.objectContaining({ constructor: ConfigError, code, message: expect.stringContaining(says) as string }));
  });

  test('a second column of one field is fine', () => {
    const { pipeline } = promoted(eventsPipelineText(), { name: 'value_text', type: 'string', path: '$.value', required: false });
    expect(pipeline.columns.at(-1)).toMatchObject({ name: 'value_text', path: ['value'] });
  });

  test('a type that there is not', () => expect(() => columnType('int')).toThrow(expect.objectContaining({ code: 'cli/options' })));
});
