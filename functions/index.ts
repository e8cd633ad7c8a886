/* oxlint-disable import/no-unassigned-import -- importing a file is what registers its trigger */
// One trigger a file. setup.ts comes first: a wrong setting stops the worker before anything is registered.
import './setup.ts';
import './ingest.ts';
import './refine.ts';
import './score.ts';
import './train.ts';
import './maintain.ts';
import './monitor.ts';
import './dashboard.ts';
import './live.ts';
import './terminate.ts';
