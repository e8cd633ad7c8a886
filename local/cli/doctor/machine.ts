import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '../../../shared/clock.ts';
import { Engine } from '../../../shared/columnar/duckdb.ts';
import { loadScorer } from '../../../shared/model/scorer.ts';
import { shippedModel } from '../../../shared/open-lake.ts';
import { isFree } from '../../free-port.ts';
import { bytesText } from '../text.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

const NODE_MAJOR_MIN = 24;

/** The sources run as they are, which takes Node's type stripping; npm ci brings such a Node along. */
export function checkNode(version = process.versions.node): Finding[] {
  const major = Number(version.split('.')[0]);
  if (major >= NODE_MAJOR_MIN) return [ok('node', `Node ${version}`)];
  return [fail('node', `Node ${version} runs this, ${NODE_MAJOR_MIN} is needed: run npm ci (it brings Node ${NODE_MAJOR_MIN}), then npx assay`)];
}

/** Both are native libraries: that the package is there does not mean that this machine can load it. */
export async function checkDuckdb(tempDir: string): Promise<Finding[]> {
  const engine = new Engine({ memoryMb: 64, threads: 1, tempDir });
  try {
    const [row] = await engine.session((session) => session.rows('SELECT version() AS version'));
    return [ok('duckdb', `DuckDB ${String(row['version'])} answers`)];
  } finally {
    await engine.close();
  }
}

/** Scores one row with the model that ships. */
export async function checkModel(root: string): Promise<Finding[]> {
  const { onnx, manifest } = await shippedModel(root);
  const started = systemClock.monotonicMs();
  const scorer = await loadScorer(onnx, manifest);
  try {
    const { decision } = await scorer.score(scorer.features.map(() => Float64Array.of(0)), 1);
    const ms = Math.round(systemClock.monotonicMs() - started);
    return [ok('onnxruntime', `the shipped model ${manifest.name} version ${manifest.version} scores (${decision[0].toFixed(3)} for 0, loaded in ${ms} ms)`)];
  } finally {
    await scorer.close();
  }
}

/** `assay start` moves on from a busy port, so one is no failure. */
export async function checkPorts(ports: Readonly<Record<string, number>>): Promise<Finding[]> {
  return Promise.all(Object.entries(ports).map(async ([what, port]) => (await isFree(port))
    ? ok('ports', `${port} (${what}) is free`)
    : warn('ports', `${port} (${what}) is taken by another program: assay start takes the next free one and prints it`)));
}

/** `start` stops producing at 2 GB, and the tables take some on top. */
const DISK_BYTES_WARN = 4_000_000_000;
const DISK_BYTES_FAIL = 200_000_000;

export async function checkDisk(dir: string): Promise<Finding[]> {
  const existing = firstExisting(dir);
  const { bavail, bsize } = await statfs(existing);
  const bytes = bavail * bsize;
  if (bytes < DISK_BYTES_FAIL) return [fail('disk', `only ${bytesText(bytes)} are free at ${existing}: make room, or name another --lake file:DIR`)];
  if (bytes < DISK_BYTES_WARN) return [warn('disk', `${bytesText(bytes)} are free at ${existing}; a long assay start takes up to ${bytesText(DISK_BYTES_WARN)}`)];
  return [ok('disk', `${bytesText(bytes)} are free at ${existing}`)];
}

function firstExisting(dir: string): string {
  return existsSync(dir) ? dir : firstExisting(dirname(dir));
}
