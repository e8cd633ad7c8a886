import type { Fields } from './forms.ts';
import { ID_JSON, TIMESTAMP_JSON, VALUE_JSON } from './forms.ts';
import type { IdForm, TimestampForm, ValueForm } from './mix.ts';

/** An event's own meaning and how it is written. */
export interface Content {
  readonly idForm: IdForm;
  readonly type: string;
  /** Uniform in [0, 100): which headers the record has. */
  readonly headerPercent: number;
  /** The record's CreateTime. */
  readonly kafkaMs: number;
  readonly eventMs: number;
  readonly timestampForm: TimestampForm;
  /** In [0, 1): the timestamp's zone or its digits past the millisecond. */
  readonly digits: number;
  readonly valueCents: number;
  readonly valueForm: ValueForm;
}

/** @param id the index of the event whose id it bears. */
export function fieldsOf(content: Content, id: number): Fields {
  return {
    id: ID_JSON[content.idForm](id),
    type: `"${content.type}"`,
    timestamp: TIMESTAMP_JSON[content.timestampForm](content.eventMs, content.digits),
    value: VALUE_JSON[content.valueForm](content.valueCents),
  };
}
