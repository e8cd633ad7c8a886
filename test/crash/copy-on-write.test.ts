import { sweep } from './every-operation.ts';

sweep('copy-on-write');
