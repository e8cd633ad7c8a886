// Adds up what .ci/run noted and prints "N passed, N failed" as its last line; exit code 0 only where nothing failed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name), 'utf8').trim();
let [passed, failed] = [0, 0];

/** At the end of the output, where it is still found when the rest was cut. */
function tell(step, what, why = '') {
  process.stdout.write(`${step} failed: ${what}\n${why.slice(0, 2_000)}\n\n`);
}

for (const step of ['install', 'lint', 'unit', 'interop-kafka', 'interop-engines', 'interop-spark']) {
  const [code, report] = [read(`${step}.code`), join(folder, `${step}.json`)];
  let stepFailed = 0;
  if (existsSync(report)) {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    passed += numPassedTests;
    // A file that can't even be loaded has no tests to count.
    const broken = testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'));
    stepFailed = numFailedTests + broken.length;
    for (const { name, message } of broken) tell(step, name, message);
    for (const { name, assertionResults } of testResults) {
      for (const { status, fullName, failureMessages } of assertionResults) if (status === 'failed') tell(step, `${name}: ${fullName}`, failureMessages.join('\n'));
    }
  }
  // The build, the types, the lint, an unhandled error, or the time limit.
  if (code !== '0' && stepFailed === 0) {
    process.stdout.write(`${step} ended with exit code ${code}\n`);
    stepFailed = 1;
  }
  failed += stepFailed;
}

const changed = read('changed');
if (changed !== '') {
  process.stdout.write(`git status is not clean after the runs; ignore or do not write:\n${changed}\n`);
  failed += 1;
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
