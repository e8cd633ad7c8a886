import type { Clock } from './clock.ts';
import type { DuckRelations } from './columnar/duck-relations.ts';
import { AssayError } from './errors.ts';
import { countRows } from './pipeline/balance-facts.ts';
import type { Pipeline } from './pipeline/definition.ts';
import type { Lake } from './pipeline/lake.ts';
import { withTables } from './pipeline/lake-sql.ts';
import { greatestMs, lastCommitMs, waitingFor } from './pipeline/monitor.ts';
import { bytesOf } from './pipeline/stage.ts';
import { collectFacts } from './web/collect.ts';
import type { PageFacts, TableFacts } from './web/facts.ts';
import { contentSecurityPolicy, renderErrorPage, renderPage } from './web/page.ts';

export interface LakePageOptions {
  readonly lake: Lake<DuckRelations>;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly topics: readonly string[];
  readonly targetS: number;
}

/** An HTML document and the Content-Security-Policy it needs. */
export interface Page {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

const REFRESH_S = 5;

/** The dashboard of a lake as it is now. A lake that cannot be read gives a page that says so. */
export async function renderLakePage(options: LakePageOptions): Promise<Page> {
  try {
    return { html: renderPage(await pageFacts(options)), contentSecurityPolicy };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const { code, message } = error;
    return { html: renderErrorPage({ code, message, nowMs: options.clock.nowMs(), refreshS: REFRESH_S }), contentSecurityPolicy };
  }
}

export async function pageFacts({ lake, pipeline, clock, topics, targetS }: LakePageOptions): Promise<PageFacts> {
  return withTables(lake, lake.names, async (session) => {
    const tables = await Promise.all(lake.names.map((name) => tableFacts(lake, name, pipeline)));
    return collectFacts({
      query: (sql) => session.rows(sql),
      pipeline: { name: pipeline.name, topics, key: pipeline.key, eventTime: pipeline.eventTime, group: pipeline.partitionBy[0] ?? null, value: pipeline.features[0] ?? null },
      tables, lake: lake.store.url, nowMs: clock.nowMs(), targetS, refreshS: REFRESH_S,
    });
  });
}

async function tableFacts(lake: Lake, name: string, pipeline: Pipeline): Promise<TableFacts> {
  const { snapshot } = (await lake.table(name)).delta;
  const files = [...snapshot.files.values()];
  return {
    name, version: snapshot.version, rows: countRows(files), files: files.length, bytes: BigInt(bytesOf(files)), commitMs: lastCommitMs(snapshot),
    eventMsMax: greatestMs(snapshot, pipeline.eventTime), kafkaMsMax: greatestMs(snapshot, 'kafka_timestamp'), waiting: await waitingFor(name, lake, null),
  };
}
