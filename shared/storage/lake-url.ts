import { ConfigError } from '../errors.ts';

/** Where a lake is. `prefix` is empty or segments joined by `/`, without one at either end. */
export type LakeUrl =
  | { readonly kind: 'file'; readonly dir: string }
  | { readonly kind: 'azure'; readonly account: string; readonly container: string; readonly prefix: string };

const FORMS = '"file:DIR", "az://ACCOUNT/CONTAINER/PREFIX" or "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX"';

/** Account and container names as Azure allows them (learn.microsoft.com, "Naming and Referencing Containers, Blobs, and Metadata"). */
const ACCOUNT = /^[a-z0-9]{3,24}$/;
const CONTAINER = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;
const ABFSS_HOST = /^([^@]*)@([^@.]*)\.dfs\.core\.windows\.net$/;

/**
 * Reads the setting LAKE_URL. `file:` takes a relative or absolute directory, also as `file:///abs`; nothing is
 * percent-decoded. Throws a ConfigError (`config/lake-url`) on everything else.
 */
export function parseLakeUrl(text: string): LakeUrl {
  // A query string may be a shared access signature, so the text is not repeated in this message.
  if (/[?#]/.test(text)) throw wrong('it has a "?" or "#"; give a plain address and no signature');
  if (text.split(/[/\\:]/).includes('..')) throw wrong(`${JSON.stringify(text)} climbs with ".."`);
  if (text.startsWith('file:')) return parseFile(text);
  if (text.startsWith('az://')) {
    const [account = '', container = '', ...prefix] = text.slice('az://'.length).split('/');
    return azure({ account, container, prefix });
  }
  if (text.startsWith('abfss://')) {
    const [host = '', ...prefix] = text.slice('abfss://'.length).split('/');
    const match = ABFSS_HOST.exec(host);
    if (match === null) throw wrong(`the host in ${JSON.stringify(text)} is not CONTAINER@ACCOUNT.dfs.core.windows.net`);
    return azure({ account: match[2], container: match[1], prefix });
  }
  throw wrong(`${JSON.stringify(text)} has another form`);
}

function parseFile(text: string): LakeUrl {
  const rest = text.slice('file:'.length);
  if (rest.startsWith('//') && !rest.startsWith('///')) throw wrong(`${JSON.stringify(text)} names a host; write file:DIR or file:///DIR`);
  const dir = rest.startsWith('///') ? rest.slice(2) : rest;
  if (dir === '' || dir.includes('\0')) throw wrong(`${JSON.stringify(text)} names no directory`);
  return { kind: 'file', dir };
}

function azure({ account, container, prefix }: { account: string; container: string; prefix: string[] }): LakeUrl {
  if (!ACCOUNT.test(account)) throw wrong(`the storage account ${JSON.stringify(account)} is not 3 to 24 of a-z and 0-9`);
  if (!CONTAINER.test(container)) throw wrong(`the container ${JSON.stringify(container)} is not 3 to 63 of a-z, 0-9 and single "-"`);
  const segments = prefix.at(-1) === '' ? prefix.slice(0, -1) : prefix;
  if (segments.some((segment) => segment === '' || segment === '.' || segment.includes('\0'))) {
    throw wrong(`the prefix ${JSON.stringify(prefix.join('/'))} has an empty or "." segment`);
  }
  return { kind: 'azure', account, container, prefix: segments.join('/') };
}

function wrong(what: string): ConfigError {
  return new ConfigError('config/lake-url', `LAKE_URL can't be read: ${what}. Write it as ${FORMS}.`, { facts: { setting: 'LAKE_URL' } });
}
