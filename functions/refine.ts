import { app } from '@azure/functions';
import { config } from './setup.ts';
import { drainStage } from './stage.ts';

// The schedule stands here in full, not as %REFINE_SCHEDULE%: the host would not know the setting's default.
app.timer('refine', { schedule: config.refineSchedule, runOnStartup: false, handler: drainStage('refine') });
