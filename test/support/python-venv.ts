import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Other Delta engines, in the versions that ../shared/tools/oracles names. The DuckDB extensions come as files: nothing is fetched when they load. */
const REQUIREMENTS = ['deltalake==1.6.6', 'duckdb==1.5.5', 'duckdb-extension-delta==1.5.5', 'duckdb-extension-azure==1.5.5', 'polars==2.1.0', 'pyarrow==26.0.1'];

const VENV = join(tmpdir(), `assay-python-${createHash('sha256').update(REQUIREMENTS.join()).digest('hex').slice(0, 12)}`);
const COMPLETE = join(VENV, 'complete');
const PYTHON = join(VENV, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/** Makes the virtual environment, once a machine. Returns why it can't, or null when it is there. */
export function missingForPython(): string | null {
  if (existsSync(COMPLETE)) return null;
  if (spawnSync('python3', ['--version']).status !== 0) return 'no python3 on the PATH';
  rmSync(VENV, { recursive: true, force: true });
  if (spawnSync('python3', ['-m', 'venv', VENV]).status !== 0) return 'python3 -m venv failed';
  const installed = spawnSync(PYTHON, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...REQUIREMENTS]);
  if (installed.status !== 0) return `pip could not install ${REQUIREMENTS.join(' ')}: ${String(installed.stderr).trim().split('\n').at(-1)}`;
  writeFileSync(COMPLETE, '');
  return null;
}

export interface PythonRun {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program text, as if it were pasted. Rejects with its stderr where it fails. */
export function runPython(program: string, { args = [], env = {} }: { args?: readonly string[]; env?: Readonly<Record<string, string>> } = {}): Promise<PythonRun> {
  return new Promise((resolve, reject) => {
    const child = execFile(PYTHON, ['-', ...args], { env: { ...process.env, PYTHONUTF8: '1', ...env }, maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(`Python ended with ${String(error.code)}:\n${stderr}`));
    });
    child.stdin!.end(program);
  });
}
