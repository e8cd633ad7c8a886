import { ConfigError } from '../errors.ts';

/**
 * List prices as data (`infra/prices.json`): what a run costs on Azure Functions Flex Consumption and Blob Storage, and the
 * always-on cluster it replaces. Each price says where and when it was read and how sure it is.
 */
export interface Prices {
  /** The day the file was put together, `YYYY-MM-DD`. */
  readonly asOf: string;
  readonly items: Readonly<Record<PriceName, Price>>;
  /** Flex bills each execution for at least `billedMsMin`, in steps of `billedMsStep`. */
  readonly execution: { readonly billedMsMin: number; readonly billedMsStep: number };
  readonly cluster: { readonly name: string; readonly nodes: number; readonly dbuPerNodeHour: number };
}

export interface Price {
  readonly usd: number;
  /** How many units `usd` buys. */
  readonly per: number;
  readonly unit: string;
  readonly freePerMonth: number;
  /** `read` in the source · `sample` on a vendor's page, not a quote · `uncertain`: sources disagree · `unverified`: no source. */
  readonly certainty: Certainty;
  readonly asOf: string;
  readonly source: string;
}

export type PriceName = (typeof priceNames)[number];
export type Certainty = (typeof certainties)[number];

const priceNames = [
  'flexGbSecond', 'flexExecution', 'alwaysReadyBaselineGbSecond', 'alwaysReadyGbSecond',
  'blobWrite', 'blobRead', 'blobGbMonth', 'databricksJobsDbu', 'databricksVmHour',
] as const;
const certainties = ['read', 'sample', 'uncertain', 'unverified'] as const;

type Check = (value: unknown, path: string, problems: string[]) => void;

/** The text of `infra/prices.json` → prices. One `ConfigError` (`prices/invalid`) lists everything that is wrong. */
export function parsePrices(text: string): Prices {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError('prices/not-json', 'reading the price file: it is not JSON; restore infra/prices.json', { cause });
  }
  const problems: string[] = [];
  checkFile(parsed, 'prices', problems);
  if (problems.length > 0) {
    throw new ConfigError('prices/invalid', `reading the price file: ${problems.join('; ')}; correct infra/prices.json`, {
      facts: { problems: problems.length },
    });
  }
  return parsed as Prices;
}

const text: Check = (value, path, problems) => {
  if (typeof value !== 'string' || value.trim() === '') problems.push(`${path} must be a text that is not empty`);
};

const day: Check = (value, path, problems) => {
  const ok = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
  if (!ok) problems.push(`${path} must be a day, YYYY-MM-DD`);
};

const notNegative: Check = (value, path, problems) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) problems.push(`${path} must be a number of at least 0`);
};

const positive: Check = (value, path, problems) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) problems.push(`${path} must be a number above 0`);
};

function oneOf(values: readonly string[]): Check {
  return (value, path, problems) => {
    if (!values.includes(value as string)) problems.push(`${path} must be ${values.map((v) => `"${v}"`).join(' or ')}`);
  };
}

/** Exactly these members: a missing one and one too many are both mistakes. */
function object(members: Readonly<Record<string, Check>>): Check {
  return (value, path, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${path} must be an object`);
      return;
    }
    const given = value as Record<string, unknown>;
    for (const [name, check] of Object.entries(members)) {
      if (Object.hasOwn(given, name)) check(given[name], `${path}.${name}`, problems);
      else problems.push(`${path}.${name} is missing`);
    }
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(members, name)) problems.push(`${path}.${name} is not known`);
    }
  };
}

const checkPrice = object({
  usd: notNegative, per: positive, unit: text, freePerMonth: notNegative, certainty: oneOf(certainties), asOf: day, source: text,
});

const checkFile = object({
  format: oneOf(['assay-prices/1']),
  asOf: day,
  currency: oneOf(['USD']),
  region: text,
  refresh: text,
  items: object(Object.fromEntries(priceNames.map((name) => [name, checkPrice]))),
  execution: object({ billedMsMin: notNegative, billedMsStep: positive }),
  cluster: object({ name: text, nodes: positive, dbuPerNodeHour: notNegative }),
});
