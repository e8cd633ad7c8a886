import { sweep } from './every-operation.ts';

sweep('deletion vectors');
