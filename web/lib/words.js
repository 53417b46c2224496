/** Fills the server's translated sentences: "Page {n} of {total}" with {n: 2, total: 5}. */
export function fill(sentence, values) {
  return (sentence ?? "").replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * The code in what was typed or pasted, full-width digits included. Of a whole message it is what follows the last "#"
 * (`@host #123456`), else the only run of exactly `length` digits; else simply the digits, at most `length`.
 */
export function digits(text, length) {
  const plain = text.normalize("NFKC");
  const bound = [...plain.matchAll(/#\s*(\d+)/g)].at(-1)?.[1];
  if (bound?.length === length) return bound;
  const runs = (plain.match(/\d+/g) ?? []).filter((run) => run.length === length);
  return runs.length === 1 ? runs[0] : plain.replace(/\D/g, "").slice(0, length);
}
