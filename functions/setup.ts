import path from 'node:path';
import { readRegistration } from '../shared/registration.ts';

/** Read once, while the worker loads the app. The bundle in dist/ and this folder lie equally deep below the app's folder. */
export const { config, topics, failureDelayMsMax } = readRegistration(process.env, path.join(import.meta.dirname, '..'));
