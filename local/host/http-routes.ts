import type { Binding } from './rpc.ts';

export interface Route {
  readonly functionName: string;
  /** Lower case. */
  readonly methods: readonly string[];
  /** The path below the host, as shown to people: `/api/dashboard`. */
  readonly template: string;
  readonly pattern: RegExp;
}

/** An HTTP trigger's route below the prefix; its default is the function's name. Templates: `{name}`, `{name?}`, `{*rest}`, constraints ignored. */
export function toRoute(functionName: string, binding: Binding, routePrefix: string): Route {
  const route = typeof binding['route'] === 'string' ? binding['route'] : functionName;
  const segments = `${routePrefix}/${route}`.split('/').filter((segment) => segment !== '');
  const methods = Array.isArray(binding['methods']) ? binding['methods'].map((method) => String(method).toLowerCase()) : ['get', 'post'];
  return { functionName, methods, template: `/${segments.join('/')}`, pattern: new RegExp(`^${segments.map(segmentPattern).join('')}/?$`, 'i') };
}

function segmentPattern(segment: string): string {
  const match = /^\{(\*?)(\w+)(?::[^}?]+)?(\??)\}$/.exec(segment);
  if (match === null) return `/${segment.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`;
  const [, rest, name, optional] = match;
  if (rest !== '') return `(?:/(?<${name}>.*))?`;
  return optional === '' ? `/(?<${name}>[^/]+)` : `(?:/(?<${name}>[^/]+))?`;
}

/** The first route that takes this method and path, and what stands in its parameters. */
export function findRoute(routes: readonly Route[], method: string, pathname: string): { route: Route; params: Record<string, string> } | null {
  for (const route of routes) {
    const match = route.methods.includes(method.toLowerCase()) ? route.pattern.exec(pathname) : null;
    if (match === null) continue;
    const params = Object.entries(match.groups ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { route, params: Object.fromEntries(params.map(([name, value]) => [name, decodeURIComponent(value)])) };
  }
  return null;
}
