import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface JarOptions {
  /** With its version: the folder is kept from run to run. */
  readonly name: string;
  /** `group:artifact:version`, each with what it depends on. */
  readonly dependencies: readonly string[];
  /** Of all that, only jars of these groups. */
  readonly groups?: readonly string[];
}

/** Jars from Maven, in a folder of the machine's temporary folder, fetched once a machine. */
export class MavenJars {
  readonly folder: string;
  readonly #options: JarOptions;

  constructor(options: JarOptions) {
    this.#options = options;
    this.folder = join(tmpdir(), `assay-${options.name}`);
  }

  /** Fetches what is not there. Returns why it can't, or null when the jars are there. */
  missing(): string | null {
    if (spawnSync('java', ['-version']).status !== 0) return 'no Java on the PATH';
    if (existsSync(this.folder)) return null;
    if (spawnSync('mvn', ['-v']).status !== 0) return `no Maven on the PATH to fetch ${this.#options.name} with`;
    const folder = mkdtempSync(`${this.folder}-get-`);
    writeFileSync(join(folder, 'pom.xml'), this.#pom());
    const groups = this.#options.groups ? [`-DincludeGroupIds=${this.#options.groups.join(',')}`] : [];
    const got = spawnSync('mvn', ['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', ...groups, `-DoutputDirectory=${join(folder, 'libs')}`]);
    if (got.status !== 0) {
      rmSync(folder, { recursive: true });
      return `Maven could not fetch ${this.#options.name}`;
    }
    // Another test run may have been quicker: its jars are as good.
    if (existsSync(this.folder)) rmSync(folder, { recursive: true });
    else renameSync(folder, this.folder);
    return null;
  }

  /** For Java's -cp. */
  get classPath(): string {
    return join(this.folder, 'libs', '*');
  }

  #pom(): string {
    const dependencies = this.#options.dependencies.map((dependency) => {
      const [group, artifact, version] = dependency.split(':');
      return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
    });
    return `<project><modelVersion>4.0.0</modelVersion><groupId>assay</groupId><artifactId>get</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`;
  }
}
