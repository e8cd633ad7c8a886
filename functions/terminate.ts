import { app } from '@azure/functions';
import { closeApp } from '../shared/app.ts';

// The worker gives five seconds: what is cut off here is a row of the log tables, never data.
app.hook.appTerminate(() => closeApp());
