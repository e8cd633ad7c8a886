import { ConflictError } from '../errors.ts';

const PLANS_MAX = 8;

/**
 * Plans and commits until a plan is not overtaken by another writer. `attempt` gives null when it clashed and must plan again.
 * Failures: ConflictError after 8 plans.
 */
export async function untilSettled<T>(what: string, attempt: () => Promise<T | null>): Promise<T> {
  for (let plan = 0; plan < PLANS_MAX; plan++) {
    const result = await attempt();
    if (result !== null) return result;
  }
  throw new ConflictError('delta/overtaken', `${what}: planned ${PLANS_MAX} times, each plan was overtaken by another writer; run again, and look for a second app on this lake if it repeats`);
}
