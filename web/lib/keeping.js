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

const CHOSEN = ["checkbox", "radio"];
const NOT_TYPED = ["hidden", "file", "password", "submit", "button", "reset", "image"];

/**
 * What somebody typed into these fields, {name: value}, to be put back by `putBack` into the same form in another language.
 * A field has type, name, form.action, value, checked and their defaults, as an element has. `all`: also what is as it came,
 * for a page that shows what was refused. Codes, files and hidden values are no typing.
 */
export function typed(fields, { all = false } = {}) {
  const worth = fields.filter((field) => isTyped(field) && (all || isChanged(field)));
  return Object.fromEntries(worth.map((field) => [nameOf(field), CHOSEN.includes(field.type) ? field.checked : field.value]));
}

/** Puts kept values back; the fields that were changed by it. */
export function putBack(fields, values) {
  return fields.filter((field) => {
    const value = isTyped(field) ? values[nameOf(field)] : undefined;
    const which = CHOSEN.includes(field.type) ? "checked" : "value";
    if (typeof value !== typeof field[which] || field[which] === value) return false;
    field[which] = value;
    return true;
  });
}

function isTyped({ form, name, type, autocomplete }) {
  return Boolean(form && name && form.method === "post") && !NOT_TYPED.includes(type) && autocomplete !== "one-time-code";
}

function isChanged(field) {
  if (CHOSEN.includes(field.type)) return field.checked !== field.defaultChecked;
  if (!field.options) return field.value !== field.defaultValue;
  const byDefault = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.value !== byDefault?.value;
}

function nameOf(field) {
  const which = CHOSEN.includes(field.type) ? `=${field.value}` : "";
  return `${field.form.action} ${field.name}${which}`;
}
