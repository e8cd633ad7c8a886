import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import type { Binding } from './rpc.ts';

export type Env = Record<string, string>;

/**
 * The app's settings, as Core Tools gives them: what the environment has wins over local.settings.json (else the template), and the
 * caller's overrides win over both.
 */
export function readSettings(appDir: string, environment: NodeJS.ProcessEnv, overrides: Readonly<Env>): Env {
  const settings = readLocalSettings(appDir);
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) settings[name] = value;
  return { ...settings, ...overrides };
}

function readLocalSettings(appDir: string): Env {
  const file = ['local.settings.json', 'local.settings.template.json'].map((name) => path.join(appDir, name)).find((name) => existsSync(name));
  if (file === undefined) return {};
  const fail = (why: string, cause?: unknown) => new ConfigError('host/local-settings', `${file} can't be used: ${why}.`, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw fail(error instanceof Error ? error.message : 'it is no JSON', error);
  }
  const values = (parsed as { Values?: unknown } | null)?.Values;
  if (typeof values !== 'object' || values === null) throw fail('it has no object "Values"');
  const wrong = Object.entries(values).find(([, value]) => typeof value !== 'string');
  if (wrong !== undefined) throw fail(`Values.${wrong[0]} is no text`);
  return { ...values };
}

/** A binding with every `%NAME%` in its texts replaced, as the host does before it starts a listener. */
export function resolveBinding(functionName: string, binding: Binding, settings: Readonly<Env>): Binding {
  const resolve = (property: string, text: string) =>
    text.replaceAll(/%([^%]+)%/g, (_match, name: string) => {
      const value = settings[name];
      if (value) return value;
      throw new ConfigError('host/unresolved-setting', `Function ${functionName}: '%${name}%' of its trigger's ${property} does not resolve to a value. Set ${name}.`);
    });
  const entries = Object.entries(binding).map(([property, value]) => [property, typeof value === 'string' ? resolve(property, value) : value]);
  return Object.fromEntries(entries) as Binding;
}

/** `AzureWebJobs.<function>.Disabled`, in either of the forms the host takes. */
export function isDisabled(functionName: string, settings: Readonly<Env>): boolean {
  const value = settings[`AzureWebJobs.${functionName}.Disabled`] ?? settings[`AzureWebJobs_${functionName}_Disabled`];
  return value !== undefined && /^(true|1)$/i.test(value);
}
