import { app } from '@azure/functions';
import { config } from './setup.ts';
import { drainStage } from './stage.ts';

// The schedule stands here in full, not as %TRAIN_SCHEDULE%: the host would not know the setting's default.
app.timer('train', { schedule: config.trainSchedule, runOnStartup: false, handler: drainStage('train') });
