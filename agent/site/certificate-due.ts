/** When a certificate is to be renewed (DESIGN §10). Pure. */

const DAY = 24 * 3600_000;

/** At most this lifetime: Let's Encrypt's short-lived profile (160 h) and the like. */
const SHORT_LIVED = 10 * DAY;

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/**
 * A third of the lifetime before the end, half for short-lived ones, and up to a thirtieth of the lifetime (at
 * most a day) later, so that many sites do not ask at the same moment.
 * @param random in [0, 1); drawn once per certificate and kept as the result.
 */
export function renewalTime(validity: Validity, random: number): Date {
  const start = validity.notBefore.getTime();
  const lifetime = validity.notAfter.getTime() - start;
  const used = lifetime <= SHORT_LIVED ? lifetime / 2 : (lifetime * 2) / 3;
  return new Date(Math.floor(start + used + random * Math.min(lifetime / 30, DAY)));
}

/** True in the last quarter of the lifetime: a renewal should have happened well before. */
export function isLate(validity: Validity, now: Date): boolean {
  const lifetime = validity.notAfter.getTime() - validity.notBefore.getTime();
  return validity.notAfter.getTime() - now.getTime() < lifetime / 4;
}
