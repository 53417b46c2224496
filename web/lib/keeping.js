/**
 * Keeping what somebody typed on this device until it has been sent: nothing is lost by a reload, another language, the
 * back button or a dead battery. Storage, fields and time are arguments.
 *
 * A kept entry is {at, values} under one key; it dies after a fortnight, as long as a link lives. Storage may be full,
 * forbidden or altered by hand: then nothing is kept, and nothing breaks.
 */

const FORTNIGHT_MS = 14 * 24 * 3_600_000;
const LONGEST = 20_000;

/** Keeps the values, {name: string | boolean}, when they are at most `longest` characters as JSON. */
export function keep(storage, key, values, now, longest = LONGEST) {
  try {
    const text = JSON.stringify({ at: now, values });
    if (text.length <= longest) storage.setItem(key, text);
  } catch {
    // Full or forbidden.
  }
}

/** The values kept under the key, {} when there are none, they are too old, or somebody changed them. */
export function kept(storage, key, now, oldestMs = FORTNIGHT_MS) {
  try {
    const { at, values } = JSON.parse(storage.getItem(key));
    if (!(now - at <= oldestMs) || typeof values !== "object" || values === null) return {};
    return Object.fromEntries(Object.entries(values).filter(([, value]) => ["string", "boolean"].includes(typeof value)));
  } catch {
    return {};
  }
}

export function forget(storages, key) {
  for (const storage of storages) {
    try {
      storage.removeItem(key);
    } catch {
      // Forbidden: then nothing was kept either.
    }
  }
}
