/**
 * DER (X.690), as much as certificates, CMS and timestamps need: a tree over one buffer, nothing copied until asked for.
 *
 * A node is {tag, head, start, end, bytes}: `tag` the first octet, `head` where it begins, `start`..`end` its content.
 */

const LONGEST = 64 * 1024 * 1024;

export class DerError extends Error {}

/** The node that begins at `at`. Throws DerError when it does not lie within `end`. */
export function node(bytes, at = 0, end = bytes.length) {
  if (at + 2 > end) throw new DerError("DER ends early");
  const tag = bytes[at];
  if ((tag & 0x1f) === 0x1f) throw new DerError("long tags are not used here");
  let size = bytes[at + 1];
  let start = at + 2;
  if (size & 0x80) {
    const count = size & 0x7f;
    if (count < 1 || count > 4 || start + count > end) throw new DerError("a length is not DER");
    size = 0;
    for (let n = 0; n < count; n += 1) size = size * 256 + bytes[start + n];
    start += count;
  }
  if (size > LONGEST || start + size > end) throw new DerError("DER ends early");
  return { tag, head: at, start, end: start + size, bytes };
}

/** The nodes inside a constructed one. */
export function inside(of) {
  if (!(of.tag & 0x20)) throw new DerError("not constructed");
  const found = [];
  for (let at = of.start; at < of.end; ) {
    const next = node(of.bytes, at, of.end);
    found.push(next);
    at = next.end;
  }
  return found;
}

/** The nodes inside one of that very tag. */
export function insideOf(tag, of) {
  if (!of || of.tag !== tag) throw new DerError("another type than expected");
  return inside(of);
}

/** The content of an octet string, integer, bit string …, as stored. */
export function content(of) {
  return of.bytes.subarray(of.start, of.end);
}

/** The node with its tag and length, as stored. */
export function whole(of) {
  return of.bytes.subarray(of.head, of.end);
}

/** An object identifier in dots; arcs of any size. */
export function oid(of) {
  if (of.tag !== 0x06) throw new DerError("not an object identifier");
  const arcs = [];
  let value = 0n;
  for (const octet of content(of)) {
    value = (value << 7n) | BigInt(octet & 0x7f);
    if (octet & 0x80) continue;
    if (arcs.length) arcs.push(value);
    else {
      const first = value < 40n ? 0n : value < 80n ? 1n : 2n;
      arcs.push(first, value - first * 40n);
    }
    value = 0n;
  }
  return arcs.join(".");
}

/** A bit string's octets; the number of unused bits must be none. */
export function bits(of) {
  if (of.tag !== 0x03 || of.bytes[of.start] !== 0) throw new DerError("not a whole bit string");
  return of.bytes.subarray(of.start + 1, of.end);
}

/** An integer as lower-case hexadecimal without leading zeros. */
export function hexInteger(of) {
  if (of.tag !== 0x02) throw new DerError("not an integer");
  return hex(content(of)).replace(/^(00)+(?=..)/, "");
}

/** UTCTime and GeneralizedTime (RFC 5280, section 4.1.2.5), as a Date. */
export function time(of) {
  const text = new TextDecoder("ascii").decode(content(of));
  const parts = of.tag === 0x17 ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) : of.tag === 0x18 ? GENERALIZED.exec(text) : null;
  if (!parts) throw new DerError("not a time");
  const year = of.tag === 0x17 ? Number(parts[1]) + (Number(parts[1]) < 50 ? 2000 : 1900) : Number(parts[1]);
  const [month, day, hour, minute, second] = parts.slice(2, 7).map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/;

/** The strings that names are made of. */
export function text(of) {
  const octets = content(of);
  if (of.tag === 0x1e) return new TextDecoder("utf-16be").decode(octets);
  if (of.tag === 0x14) return new TextDecoder("latin1").decode(octets);
  return new TextDecoder("utf-8").decode(octets);
}

export function hex(octets) {
  let out = "";
  for (const octet of octets) out += octet.toString(16).padStart(2, "0");
  return out;
}

export function same(a, b) {
  return a.length === b.length && a.every((octet, n) => octet === b[n]);
}
