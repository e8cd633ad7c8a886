import { app } from '@azure/functions';
import { config } from './setup.ts';
import { drainStage } from './stage.ts';

// The schedule stands here in full, not as %MAINTAIN_SCHEDULE%: the host would not know the setting's default.
app.timer('maintain', { schedule: config.maintainSchedule, runOnStartup: false, handler: drainStage('maintain') });
