import type * as Protobuf from 'protobufjs';
import type { Namespace, Root, Type } from 'protobufjs';
import { readMessageIndexes } from './framing.ts';
import { BadBytes, decoded, undecodable } from './decoder.ts';
import type { Decode } from './decoder.ts';
import { JsonWriter } from './json-writer.ts';
import { KNOWN_PROTOS } from './known-protos.ts';
import { ProtobufPrinters } from './protobuf-json.ts';

export interface ProtoFile {
  /** As the importing file writes it. */
  readonly name: string;
  readonly text: string;
}

type Library = typeof Protobuf;

/**
 * A .proto file as a decoder of what follows the schema's id: message indexes, then the message. `references`: what it imports, each after
 * its own imports. Or what is wrong with the schemas.
 *
 * The JSON is protobuf's own (protobuf.dev, "ProtoJSON Format") with the names as the file writes them, fields without presence always
 * printed, 64-bit integers as plain digits, and floats with the digits of the double they widen to.
 */
export async function compileProtobuf(text: string, references: readonly ProtoFile[] = []): Promise<Decode | string> {
  const library = await import('protobufjs');
  try {
    return decoderOf(library, text, references);
  } catch (error) {
    // The library's parser and linker have no error class of their own: what they throw is about these texts.
    return error instanceof Error ? error.message : String(error);
  }
}

function decoderOf(library: Library, text: string, references: readonly ProtoFile[]): Decode {
  const root = linkedRoot(library, text, references);
  const top = messagesInFile(library, text, root);
  const printers = new ProtobufPrinters(library);
  return (payload) => {
    const indexed = readMessageIndexes(payload);
    if (indexed === null) return undecodable('the message indexes after the schema\'s id are broken');
    const type = messageAt(top, indexed.indexes);
    if (type === null) return undecodable(`the schema has no message [${indexed.indexes.join(', ')}]`);
    return decoded(() => {
      const writer = new JsonWriter();
      printers.print(type, readMessage(library, type, indexed.message), writer);
      return writer.text;
    });
  };
}

/** All files in one root, names resolved. */
function linkedRoot({ Root, parse, common }: Library, text: string, references: readonly ProtoFile[]): Root {
  const root = new Root();
  const files = new Map(references.map(({ name, text }) => [name, text]));
  const done = new Set<string>();
  const add = (name: string, text: string): void => {
    const { imports = [], weakImports = [] } = parse(text, root, { keepCase: true });
    for (const wanted of [...imports, ...weakImports]) addImport(wanted, name);
  };
  const addImport = (name: string, from: string): void => {
    if (done.has(name)) return;
    done.add(name);
    const known = common.get(name);
    const source = files.get(name) ?? KNOWN_PROTOS[name];
    if (known?.nested) root.addJSON(known.nested);
    else if (source !== undefined) add(name, source);
    else throw new Error(`${from} imports ${name}, which is no reference of the schema`);
  };
  add('the schema', text);
  root.resolveAll();
  return root;
}

/** The file's own messages, in its order: those are what the indexes count, not what else its package holds. */
function messagesInFile({ Root, parse }: Library, text: string, linked: Root): readonly Type[] {
  const alone = new Root();
  const { package: name = '' } = parse(text, alone, { keepCase: true });
  const own = name === '' ? alone : alone.lookup(name);
  const names = messagesOf((own as Namespace).nestedArray).map((type) => type.fullName);
  return names.map((fullName) => linked.lookupType(fullName));
}

function messagesOf(nested: Namespace['nestedArray']): Type[] {
  // A group is a type to the library, a field to the indexes.
  return nested.filter((each): each is Type => 'fieldsArray' in each && !(each as Type & { readonly group?: boolean }).group);
}

function messageAt(top: readonly Type[], indexes: readonly number[]): Type | null {
  let [messages, found]: [readonly Type[], Type | null] = [top, null];
  for (const index of indexes) {
    found = messages[index] ?? null;
    if (found === null) return null;
    messages = messagesOf(found.nestedArray);
  }
  return found;
}

function readMessage({ Reader }: Library, type: Type, bytes: Buffer): object {
  const reader = Reader.create(bytes);
  reader.discardUnknown = true;
  // A text that is not UTF-8 has no JSON form, whatever the syntax of the file lets pass.
  reader.string = () => reader.stringVerify();
  try {
    return type.decode(reader);
  } catch (error) {
    // Errors of several classes, one for each way in which the bytes don't fit the type.
    throw new BadBytes(error instanceof Error ? error.message : String(error));
  }
}
