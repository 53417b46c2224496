/** From field to field: what is still to be filled, and where to go next. */

/**
 * `fields` in reading order, each {id, required, filled}. Returns {done, total, left, next(from)}; only required fields
 * count. `next` is the first unfilled required field after `from`, starting over at the top, or null when none is left.
 */
export function progress(fields) {
  const required = fields.filter((field) => field.required);
  const open = required.filter((field) => !field.filled);
  return {
    done: required.length - open.length,
    total: required.length,
    left: open.length,
    next(from = null) {
      const start = fields.findIndex((field) => field.id === from);
      const after = [...fields.slice(start + 1), ...fields.slice(0, start + 1)];
      return after.find((field) => field.required && !field.filled)?.id ?? null;
    },
  };
}
