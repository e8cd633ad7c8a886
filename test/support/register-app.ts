import { startHost } from '../../local/host/host.ts';

// Run as a program: loads a built app as the host would, and prints what it registered and which native libraries that read.
const [appDir, entry] = process.argv.slice(2);
const host = await startHost({ appDir, entry, source: null, httpPort: null, listen: false, onLog: () => undefined });
const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
process.stdout.write(JSON.stringify({ functions: host.functions, sharedObjects }));
await host.stop();
