import type { PartitionValues } from './actions.ts';

/** Longest name of a folder in the file systems and stores we know. */
const FOLDER_BYTES_MAX = 255;
/** What Hive, and with it every engine, calls null in a path. */
const NULL_FOLDER = '__HIVE_DEFAULT_PARTITION__';

/**
 * The folder for files of these partition values: empty, or `event_type=click/`. The protocol leaves paths free and puts the values into
 * `partitionValues`, but Polars (2.1.0) takes them from Hive-like folders, and reads null where there are none. Characters that folders or
 * engines could misread are percent-encoded; a value too long for a folder's name goes without one.
 */
export function partitionFolder(columns: readonly string[], values: PartitionValues): string {
  const folders = columns.map((column) => {
    const value = values[column] ?? null;
    return `${encoded(column)}=${value === null || value === '' ? NULL_FOLDER : encoded(value)}`;
  });
  // Nothing but ASCII is left by then.
  return folders.some((folder) => folder.length > FOLDER_BYTES_MAX) ? '' : folders.map((folder) => `${folder}/`).join('');
}

/** An asterisk, too: Polars takes a folder that has one for a pattern, and then fails on the whole table. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('*', '%2A');
}

/** `add.path` for an object of the table: URI-encoded (PROTOCOL.md, "Add File and Remove File"); `objectKey` reads it back. */
export function pathOfKey(key: string): string {
  return key.split('/').map((segment) => encodeURIComponent(segment).replaceAll('%3D', '=')).join('/');
}
