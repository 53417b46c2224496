/** How long to wait before trying again: doubling, capped, and spread by chance so that phones do not return together. */

/** Milliseconds before attempt `attempt` (from 0): between half and the whole of min(cap, first * 2^attempt). */
export function delay(attempt, { first = 500, cap = 30_000, random = Math.random } = {}) {
  const most = Math.min(cap, first * 2 ** Math.min(attempt, 20));
  return Math.round(most / 2 + (most / 2) * random());
}
