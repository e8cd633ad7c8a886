import { suggestion } from './mistakes.ts';
import type { JsonMember, JsonNode, JsonObject } from './json-tree.ts';
import type { Mistakes } from './mistakes.ts';

/** A value and where it stands, so that a later check can still point at it. */
export interface Located<T> {
  readonly value: T;
  readonly at: number;
}

/** The keys of one kind of object. */
export interface Shape {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/**
 * Reads one object of the file. Unknown, repeated and lacking keys are told at once; each reading tells what is wrong
 * with the value and answers undefined then, as for a key that is not there.
 */
export class ObjectReader {
  readonly at: number;
  readonly path: string;
  private readonly members: ReadonlyMap<string, JsonMember>;
  private readonly mistakes: Mistakes;

  constructor(node: JsonObject, options: { shape: Shape; path: string; mistakes: Mistakes }) {
    this.at = node.at;
    this.path = options.path;
    this.mistakes = options.mistakes;
    this.members = this.check(node, options.shape);
  }

  has(key: string): boolean {
    return this.members.has(key);
  }

  /** Tells a mistake at the key's value, or at the object where the key is not there. */
  wrong(key: string, message: string): undefined {
    this.mistakes.add(this.members.get(key)?.value.at ?? this.at, `${this.pathOf(key)} ${message}`);
  }

  string(key: string): Located<string> | undefined {
    const found = this.scalar(key);
    if (!found) return undefined;
    if (typeof found.value === 'string' && found.value !== '' && found.value.isWellFormed()) return { value: found.value, at: found.at };
    return this.wrong(key, 'must be a text that is not empty');
  }

  matching(key: string, pattern: RegExp, meaning: string): string | undefined {
    const found = this.string(key);
    if (!found || pattern.test(found.value)) return found?.value;
    return this.wrong(key, `is ${JSON.stringify(found.value)}: ${meaning}`);
  }

  oneOf<const T extends string>(key: string, choices: readonly T[]): T | undefined {
    const found = this.string(key);
    const choice = choices.find((candidate) => candidate === found?.value);
    if (!found || choice !== undefined) return choice;
    return this.wrong(key, `is ${JSON.stringify(found.value)}${suggestion(found.value, choices)}`);
  }

  boolean(key: string): boolean | undefined {
    const found = this.scalar(key);
    if (!found || typeof found.value === 'boolean') return found?.value as boolean | undefined;
    return this.wrong(key, 'must be true or false');
  }

  number(key: string): number | undefined {
    const found = this.scalar(key);
    if (!found) return undefined;
    return typeof found.value === 'number' && Number.isFinite(found.value) ? found.value : this.wrong(key, 'must be a finite number');
  }

  integer(key: string, bounds: { readonly min: number; readonly max: number }): number | undefined {
    const found = this.scalar(key);
    if (!found) return undefined;
    const { value } = found;
    if (typeof value === 'number' && Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return value;
    return this.wrong(key, `must be an integer from ${bounds.min} to ${bounds.max}`);
  }

  /** A list of different texts, none empty. */
  strings(key: string): readonly Located<string>[] | undefined {
    const items = this.items(key);
    if (!items) return undefined;
    const texts: Located<string>[] = [];
    for (const [i, { at, ...item }] of items.entries()) {
      const value = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : '';
      if (value === '' || !value.isWellFormed()) this.mistakes.add(at, `${this.pathOf(key)}[${i}] must be a text that is not empty`);
      else if (texts.some((text) => text.value === value)) this.mistakes.add(at, `${this.pathOf(key)}[${i}] repeats ${JSON.stringify(value)}`);
      else texts.push({ value, at });
    }
    return texts;
  }

  items(key: string): readonly JsonNode[] | undefined {
    const node = this.members.get(key)?.value;
    return !node || node.kind === 'array' ? node?.items : this.wrong(key, 'must be a list');
  }

  /** A list of objects of one shape. */
  objects(key: string, shape: Shape): readonly ObjectReader[] | undefined {
    return this.items(key)?.flatMap((node, i) => {
      const path = `${this.pathOf(key)}[${i}]`;
      if (node.kind === 'object') return [new ObjectReader(node, { shape, path, mistakes: this.mistakes })];
      this.mistakes.add(node.at, `${path} must be an object`);
      return [];
    });
  }

  object(key: string, shape: Shape): ObjectReader | undefined {
    const node = this.members.get(key)?.value;
    if (!node) return undefined;
    if (node.kind !== 'object') return this.wrong(key, 'must be an object');
    return new ObjectReader(node, { shape, path: this.pathOf(key), mistakes: this.mistakes });
  }

  /** The scalar as it stands; null also for a list or an object. */
  value(key: string): string | number | boolean | null | undefined {
    return this.scalar(key)?.value;
  }

  kindOf(key: string): JsonNode['kind'] | undefined {
    return this.members.get(key)?.value.kind;
  }

  private scalar(key: string): Located<string | number | boolean | null> | undefined {
    const node = this.members.get(key)?.value;
    return node && (node.kind === 'scalar' ? node : { value: null, at: node.at });
  }

  private pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  private check(node: JsonObject, { required, optional }: Shape): ReadonlyMap<string, JsonMember> {
    const known = [...required, ...optional];
    const members = new Map<string, JsonMember>();
    for (const member of node.members) {
      if (!known.includes(member.key)) this.mistakes.add(member.at, `${this.pathOf(member.key)} is no key here${suggestion(member.key, known)}`);
      else if (members.has(member.key)) this.mistakes.add(member.at, `${this.pathOf(member.key)} stands here twice`);
      else members.set(member.key, member);
    }
    for (const key of required) if (!members.has(key)) this.mistakes.add(node.at, `${this.pathOf(key)} is missing`);
    return members;
  }
}
