import { TableError } from '../errors.ts';

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/**
 * The object that a path of the log names, relative to the table: `add.path` is a relative or absolute URI, percent-encoded; raw
 * non-ASCII is accepted too (PROTOCOL.md, "Add File and Remove File"). `root` is the table's own URL, as its store gives it.
 * Failures: TableError `delta/absolute-path` outside the table (a shallow clone), `delta/path` where it names nothing.
 */
export function objectKey(path: string, root: string): string {
  const decoded = decode(path);
  const relative = SCHEME.test(path) || path.startsWith('/') ? below(decoded, root) : decoded;
  const named = relative.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  if (!named || relative.includes('\0') || !relative.isWellFormed()) throw wrong(path, 'it has an empty, "." or ".." segment');
  return relative;
}

function below(absolute: string, root: string): string {
  const [place, folder] = [canonical(absolute), `${canonical(root)}/`];
  if (place.startsWith(folder)) return place.slice(folder.length);
  throw new TableError('delta/absolute-path', `the log names a file outside the table at ${root}: ${absolute}; shallow clones are not supported, deep-clone the table`);
}

/** One spelling for the addresses of one place: `file:/dir`, `az://account/container/prefix`. */
function canonical(url: string): string {
  const text = url.startsWith('/') ? `file:${url}` : url;
  const hadoop = /^(?:abfss?|wasbs?):\/\/([^@/]+)@([^./]+)\.(?:dfs|blob)\.[^/]+\/(.*)$/i.exec(text);
  if (hadoop) return `az://${hadoop[2]}/${hadoop[1]}/${hadoop[3]}`;
  const blob = /^https:\/\/([^./]+)\.(?:dfs|blob)\.[^/]+\/(.*)$/i.exec(text);
  if (blob) return `az://${blob[1]}/${blob[2]}`;
  return text.replace(/^file:\/*/i, 'file:/');
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw wrong(path, 'its percent-encoding is broken', cause);
  }
}

function wrong(path: string, why: string, cause?: unknown): TableError {
  return new TableError('delta/path', `the log names the file ${JSON.stringify(path)}: ${why}; its writer is at fault, rewrite the file with another engine`, { cause });
}
