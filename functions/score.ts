import { app } from '@azure/functions';
import { config } from './setup.ts';
import { drainStage } from './stage.ts';

// The schedule stands here in full, not as %SCORE_SCHEDULE%: the host would not know the setting's default.
app.timer('score', { schedule: config.scoreSchedule, runOnStartup: false, handler: drainStage('score') });
