import { isAssayError } from '../../../shared/errors.ts';

/** One thing that doctor looked at. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was found and, unless it is ok, what to do. */
  readonly text: string;
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const warn = (check: string, text: string): Finding => ({ check, level: 'warn', text });
export const fail = (check: string, text: string): Finding => ({ check, level: 'fail', text });

/** A check that throws has found something: the others still run. */
export async function examine(check: string, look: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (isAssayError(error)) return [fail(check, error.message)];
    return [fail(check, `${error instanceof Error ? error.message : String(error)}; run npm ci again, and report it if it stays`)];
  }
}
