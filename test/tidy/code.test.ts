import { describe, expect, it } from 'vitest';
import { importsOf, readRepo, repoFiles, sourceFiles, withoutComments } from '../support/repo.ts';

/** `file:line` of every match, comments apart. */
function places(files: readonly string[], pattern: RegExp, read: (file: string) => string = (file) => withoutComments(readRepo(file))): string[] {
  return files.flatMap((file) => read(file).split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1} ${line.trim().slice(0, 100)}`] : [])));
}

const deployed = sourceFiles('functions', 'shared');
/** This folder names what it looks for. */
const own = (file: string) => file.startsWith('test/tidy/');
const textFiles = repoFiles().filter((file) => !/\.(onnx|png|parquet)$/.test(file) && !own(file));

describe('time, chance and the environment', () => {
  it('come in through clock.ts', () => {
    // live.ts holds the script of the page: it runs in a browser, which has no clock of ours.
    const files = deployed.filter((file) => !['shared/clock.ts', 'shared/web/live.ts'].includes(file));
    const found = places(files, /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval)\b|\bperformance\.now\b|\brandomUUID\b|node:timers/);
    expect(found, 'take a Clock (shared/clock.ts) as an argument: tests pass their own').toEqual([]);
  });

  it('process.env is read in one file of shared/ and one of functions/', () => {
    const found = places(deployed.filter((file) => !['shared/app.ts', 'functions/setup.ts'].includes(file)), /\bprocess\.env\b/);
    expect(found, 'add a setting to shared/config.ts and take the Config').toEqual([]);
  });
});

describe('leftovers', () => {
  it('has no notes to self', () => {
    const found = places(textFiles.filter((file) => file !== 'package-lock.json'), /\b(?:TODO|FIXME|XXX|HACK)\b/, readRepo);
    expect(found, 'do it, or write an issue and take the note out').toEqual([]);
  });

  it('has no focused test, no test that is switched off', () => {
    const found = places(sourceFiles('test').filter((file) => !own(file)), /\b(?:it|test|describe)\.(?:only|skip|todo)\b|\bx(?:it|describe)\(/);
    expect(found, 'take .only and .skip away; a test that depends on the machine uses skipIf and says what is missing').toEqual([]);
  });

  it('says why, where a test depends on the machine', () => {
    const silent = sourceFiles('test').filter((file) => !own(file) && /\b(?:skipIf|runIf)\(/.test(readRepo(file))).filter((file) => {
      const helpers = importsOf(readRepo(file)).filter(({ from }) => from.includes('support/')).map(({ from }) => `test/support/${from.split('support/')[1]}`);
      return ![file, ...helpers].some((name) => /skipped[,: ]|not beside this clone/.test(readRepo(name)));
    });
    expect(silent, 'put "skipped: <what is missing>" or "… is not beside this clone" into the title, or write it to stderr').toEqual([]);
  });

  it('has no default exports outside tool configuration', () => {
    const found = places(sourceFiles('functions', 'shared', 'local', 'test').filter((file) => !own(file)), /^export default\b/);
    expect(found, 'name the export').toEqual([]);
  });

  it('names no place of one machine and no registry', () => {
    const machine = /(?<![\w.:/])\/(?:work|root|home|Users|mnt|tmp)\/[\w.-]/;
    const registry = /registry\.(?:npmjs|yarnpkg|npmmirror)|files\.pythonhosted|pypi\.org|repo1?\.maven|\/\/[\w.-]*(?:artifactory|nexus|verdaccio)/i;
    const found = places(textFiles, new RegExp(`${machine.source}|${registry.source}`, 'i'), readRepo);
    expect(found, 'use os.tmpdir() or a relative path; leave the registry to the machine\'s own configuration').toEqual([]);
  });
});

describe('the lint configuration', () => {
  it('limits files to 300 lines and functions to 70', () => {
    const { rules } = JSON.parse(readRepo('.oxlintrc.json')) as { rules: Record<string, unknown> };
    expect(rules, 'the limits are part of the house rules').toMatchObject({
      'max-lines': ['error', { max: 300 }], 'max-lines-per-function': ['error', { max: 70 }],
      'import/no-default-export': 'error', 'import/no-cycle': 'error', 'typescript/no-floating-promises': 'error', 'typescript/switch-exhaustiveness-check': 'error',
    });
  });
});
