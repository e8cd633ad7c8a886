import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PythonRun {
  readonly stdout: string;
  readonly stderr: string;
}

/** A virtual environment with these packages, in the machine's temporary folder, made once a machine. */
export class PythonVenv {
  readonly python: string;
  readonly #folder: string;
  readonly #requirements: readonly string[];

  constructor(requirements: readonly string[]) {
    this.#requirements = requirements;
    this.#folder = join(tmpdir(), `assay-python-${createHash('sha256').update(requirements.join()).digest('hex').slice(0, 12)}`);
    this.python = join(this.#folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  }

  /** Makes it where it is not there. Returns why it can't, or null when it is there. */
  missing(): string | null {
    const complete = join(this.#folder, 'complete');
    if (existsSync(complete)) return null;
    if (spawnSync('python3', ['--version']).status !== 0) return 'no python3 on the PATH';
    rmSync(this.#folder, { recursive: true, force: true });
    if (spawnSync('python3', ['-m', 'venv', this.#folder]).status !== 0) return 'python3 -m venv failed';
    const installed = spawnSync(this.python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...this.#requirements]);
    if (installed.status !== 0) return `pip could not install ${this.#requirements.join(' ')}: ${String(installed.stderr).trim().split('\n').at(-1)}`;
    writeFileSync(complete, '');
    return null;
  }

  /** Runs a program text, as if it were pasted. Rejects with its stderr where it fails. */
  run(program: string, { args = [], env = {} }: { args?: readonly string[]; env?: Readonly<Record<string, string>> } = {}): Promise<PythonRun> {
    return new Promise((resolve, reject) => {
      const child = execFile(this.python, ['-', ...args], { env: { ...process.env, PYTHONUTF8: '1', ...env }, maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(new Error(`Python ended with ${String(error.code)}:\n${stderr}`));
      });
      child.stdin!.end(program);
    });
  }
}
