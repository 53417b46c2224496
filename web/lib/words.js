/** Fills the server's translated sentences: "Page {n} of {total}" with {n: 2, total: 5}. */
export function fill(sentence, values) {
  return (sentence ?? "").replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The digits of what was typed or pasted, full-width ones included, at most `length`. */
export function digits(text, length) {
  return text.normalize("NFKC").replace(/\D/g, "").slice(0, length);
}
