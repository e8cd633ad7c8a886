import type { MetaData, Protocol } from '../../../shared/delta/actions.ts';
import { checkWritable, writesVectors } from '../../../shared/delta/protocol.ts';
import { isAssayError } from '../../../shared/errors.ts';
import { DELETION_VECTORS } from '../../../shared/pipeline/tables.ts';
import type { LakeReader } from '../read-lake.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Opens every table that is there; each must be one that we can go on writing. */
export async function checkTables({ lake, access }: LakeReader): Promise<Finding[]> {
  const findings: Finding[] = [];
  const withVectors: string[] = [];
  let found = 0;
  for (const name of lake.names) {
    try {
      const table = await lake.find(name);
      if (table === null) continue;
      found++;
      const { protocol, metaData } = table.delta.snapshot;
      checkWritable(protocol, metaData, name);
      const isAsked = lake.definition(name).configuration[DELETION_VECTORS] === 'true';
      if (isAsked && writesVectors({ protocol, metaData })) withVectors.push(name);
      findings.push(...vectorsOtherwise(name, { protocol, metaData, isAsked, lakeUrl: access.lakeUrl }));
      const excluded = excludedEngines(withoutVectors(protocol), metaData);
      if (excluded.length > 0) findings.push(warn('tables', `${name}: ${excluded.join('; ')}`));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      findings.push(fail('tables', error.message));
    }
  }
  if (found === 0) findings.push(warn('tables', `${lake.store.url} has no tables yet: assay start or assay run --events 1000 makes them`));
  else if (findings.length === 0) findings.push(ok('tables', `${found} tables, ${textOf(withVectors)}`));
  return findings;
}

const VECTORS = 'deletionVectors';

/** What the pipeline file asks for is no reason to warn, and is told with `textOf`; else `vectorsOtherwise` tells it. */
function withoutVectors(protocol: Protocol): Protocol {
  return { ...protocol, ...(protocol.readerFeatures ? { readerFeatures: protocol.readerFeatures.filter((feature) => feature !== VECTORS) } : {}) };
}

/** Where the file and the table differ, in either direction: the table counts, for everybody who writes to it. */
function vectorsOtherwise(name: string, { protocol, metaData, isAsked, lakeUrl }: { protocol: Protocol; metaData: MetaData; isAsked: boolean; lakeUrl: string }): Finding[] {
  if (isAsked && !writesVectors({ protocol, metaData })) {
    return [warn('tables', `${name} has no deletion vectors, though the pipeline file asks for them: each replaced row has its file written again. ${wayTo(name, `--vectors --lake ${lakeUrl}`)}`)];
  }
  if (isAsked || protocol.readerFeatures?.includes(VECTORS) !== true) return [];
  return [warn('tables', `${name} has the feature ${VECTORS}, though the pipeline file does not ask for it: ${LIMITED[VECTORS]}. ${wayTo(name, `--no-vectors --lake ${lakeUrl}`)}`)];
}

function wayTo(name: string, flags: string): string {
  return `Leave it, or, while nothing runs: assay table copy ${name} --to ${name}_copy ${flags}, then rename the folder ${name} to ${name}_before and ${name}_copy to ${name}`;
}

function textOf(withVectors: readonly string[]): string {
  if (withVectors.length === 0) return 'all of protocols that every Delta engine reads and that we can write';
  return `all of which we can write; ${withVectors.join(', ')} with deletion vectors, as the pipeline file has it: ${LIMITED[VECTORS]}. The way back is assay table copy NAME --to NEW_NAME --no-vectors; a lake made with "deletion_vectors": false has none`;
}

/**
 * Features that cost readers, by what was seen with deltalake 1.6.6, DuckDB 1.5.5 and Polars 2.1.0. What any of them adds to a table shows
 * up in its protocol.
 */
const LIMITED: Readonly<Record<string, string>> = {
  deletionVectors: 'Polars returns deleted rows where a path is percent-encoded, and delta-rs refuses to_pyarrow_dataset',
  columnMapping: 'Polars and delta-rs\'s to_pyarrow_dataset refuse it, and DuckDB reads mapped partition columns as NULL',
  v2Checkpoint: 'Polars and delta-rs\'s to_pyarrow_dataset refuse it',
};

export function excludedEngines({ readerFeatures, minReaderVersion }: Protocol, { configuration }: MetaData): string[] {
  const features = new Set(readerFeatures);
  // Before table features, reader version 2 meant column mapping, where it is in use.
  if (minReaderVersion === 2 && (configuration['delta.columnMapping.mode'] ?? 'none') !== 'none') features.add('columnMapping');
  return [...features].map((feature) => `it has the feature ${feature}${LIMITED[feature] === undefined ? ', which older engines refuse' : `: ${LIMITED[feature]}`}`);
}
