import { app } from '@azure/functions';
import { config } from './setup.ts';
import { drainStage } from './stage.ts';

// The schedule stands here in full, not as %MONITOR_SCHEDULE%: the host would not know the setting's default.
app.timer('monitor', { schedule: config.monitorSchedule, runOnStartup: false, handler: drainStage('monitor') });
