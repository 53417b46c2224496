/**
 * A PDF's objects (ISO 32000-2, section 7): as many of them as it takes to find signatures and to compare two revisions.
 *
 * Values: numbers, booleans and null as they are; a name is "/Name"; a string is a Bytes; an array is an array; a dictionary is a
 * Map from "/Key"; a reference is a Ref; a stream is a Stream. The file is followed by its cross-reference sections alone:
 * nothing is guessed or repaired, because a signature over a file that needs guessing proves nothing.
 */

export class PdfError extends Error {}

export class Ref {
  constructor(number, generation) {
    this.number = number;
    this.generation = generation;
  }

  toString() {
    return `${this.number} ${this.generation} R`;
  }
}

/** A string, and where in the file it stands. */
export class Bytes {
  constructor(octets, at, end) {
    this.octets = octets;
    this.at = at;
    this.end = end;
  }
}

export class Stream {
  constructor(dictionary, raw) {
    this.dictionary = dictionary;
    this.raw = raw;
  }
}

const DEEPEST = 60;
const MOST_SECTIONS = 5000;
const MOST_OBJECTS = 2_000_000;
const LARGEST_INFLATED = 256 * 1024 * 1024;
const WHITE = new Set([0, 9, 10, 12, 13, 32]);
const DELIMITERS = new Set([..."()<>[]{}/%"].map((ch) => ch.charCodeAt(0)));
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)$/;

/** Reads values one after the other from a place on. */
class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  skip() {
    for (; this.at < this.bytes.length; this.at += 1) {
      const octet = this.bytes[this.at];
      if (octet === 0x25) {
        while (this.at < this.bytes.length && this.bytes[this.at] !== 10 && this.bytes[this.at] !== 13) this.at += 1;
      } else if (!WHITE.has(octet)) return;
    }
  }

  /** The characters up to white space or a delimiter. */
  word() {
    this.skip();
    const from = this.at;
    while (this.at < this.bytes.length && !WHITE.has(this.bytes[this.at]) && !DELIMITERS.has(this.bytes[this.at])) this.at += 1;
    return latin(this.bytes.subarray(from, this.at));
  }

  expect(word) {
    const found = this.word();
    if (found !== word) throw new PdfError(`${word} is missing`);
  }

  integer() {
    const word = this.word();
    if (!/^\d{1,15}$/.test(word)) throw new PdfError("not an integer");
    return Number(word);
  }

  value(depth = 0) {
    if (depth > DEEPEST) throw new PdfError("too deep");
    this.skip();
    const octet = this.bytes[this.at];
    if (octet === undefined) throw new PdfError("ends early");
    if (octet === 0x2f) return this.name();
    if (octet === 0x28) return this.literal();
    if (octet === 0x5b) return this.array(depth);
    if (octet === 0x3c) return this.bytes[this.at + 1] === 0x3c ? this.dictionary(depth) : this.hexadecimal();
    return this.plain();
  }

  plain() {
    const word = this.word();
    if (word === "true" || word === "false") return word === "true";
    if (word === "null") return null;
    if (!NUMBER.test(word)) throw new PdfError("not a value");
    return /^\d+$/.test(word) ? this.reference(Number(word)) : Number(word);
  }

  /** A number, or a reference that begins with it. */
  reference(number) {
    const back = this.at;
    const generation = this.word();
    if (/^\d{1,5}$/.test(generation)) {
      this.skip();
      if (this.word() === "R") return new Ref(number, Number(generation));
    }
    this.at = back;
    return number;
  }

  name() {
    this.at += 1;
    const word = this.at < this.bytes.length ? this.wordHere() : "";
    return `/${word.replace(/#([0-9a-fA-F]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16)))}`;
  }

  wordHere() {
    const octet = this.bytes[this.at];
    return WHITE.has(octet) || DELIMITERS.has(octet) ? "" : this.word();
  }

  literal() {
    const from = this.at;
    const out = [];
    let open = 1;
    for (this.at += 1; open; this.at += 1) {
      const octet = this.bytes[this.at];
      if (octet === undefined) throw new PdfError("a string does not end");
      if (octet === 0x5c) this.escape(out);
      else {
        if (octet === 0x28) open += 1;
        if (octet === 0x29) open -= 1;
        if (open) out.push(octet);
      }
    }
    return new Bytes(Uint8Array.from(out), from, this.at);
  }

  escape(out) {
    const codes = { n: 10, r: 13, t: 9, b: 8, f: 12 };
    this.at += 1;
    const ch = String.fromCharCode(this.bytes[this.at]);
    if (/[0-7]/.test(ch)) {
      let digits = ch;
      while (digits.length < 3 && /[0-7]/.test(String.fromCharCode(this.bytes[this.at + 1]))) {
        this.at += 1;
        digits += String.fromCharCode(this.bytes[this.at]);
      }
      out.push(parseInt(digits, 8) & 255);
    } else if (ch === "\r") {
      if (this.bytes[this.at + 1] === 10) this.at += 1;
    } else if (ch !== "\n") out.push(codes[ch] ?? ch.charCodeAt(0));
  }

  hexadecimal() {
    const from = this.at;
    const end = this.bytes.indexOf(0x3e, from);
    if (end < 0) throw new PdfError("a string does not end");
    const digits = latin(this.bytes.subarray(from + 1, end)).replace(/[\0\t\n\f\r ]/g, "");
    if (/[^0-9a-fA-F]/.test(digits)) throw new PdfError("not hexadecimal");
    const octets = new Uint8Array(Math.ceil(digits.length / 2));
    for (let n = 0; n < octets.length; n += 1) octets[n] = parseInt(digits.slice(2 * n, 2 * n + 2).padEnd(2, "0"), 16);
    this.at = end + 1;
    return new Bytes(octets, from, this.at);
  }

  array(depth) {
    const found = [];
    this.at += 1;
    for (this.skip(); this.bytes[this.at] !== 0x5d; this.skip()) found.push(this.value(depth + 1));
    this.at += 1;
    return found;
  }

  dictionary(depth) {
    const found = new Map();
    this.at += 2;
    for (this.skip(); this.bytes[this.at] !== 0x3e; this.skip()) {
      if (this.bytes[this.at] !== 0x2f) throw new PdfError("a key is missing");
      const key = this.name();
      if (found.has(key)) throw new PdfError("a key stands twice");
      found.set(key, this.value(depth + 1));
    }
    if (this.bytes[this.at + 1] !== 0x3e) throw new PdfError("a dictionary does not end");
    this.at += 2;
    return found;
  }
}

function latin(octets) {
  let out = "";
  for (let at = 0; at < octets.length; at += 8192) out += String.fromCharCode(...octets.subarray(at, at + 8192));
  return out;
}

/** An array's members; none where something else stands in an array's place. */
export function members(value) {
  return Array.isArray(value) ? value : [];
}

/** One file, or the beginning of one: what a reader would show of exactly these bytes. */
export class Pdf {
  #objects = new Map();
  #packed = new Map();

  constructor(bytes) {
    this.bytes = bytes;
    /** Where each object is: number -> {at, generation} or {within, index}; null when it is free. */
    this.places = new Map();
    this.trailer = null;
    /** The offset of each cross-reference section, newest first. */
    this.sections = [];
  }

  /** Follows the cross-references from the last one on. Throws PdfError. */
  static async open(bytes) {
    const pdf = new Pdf(bytes);
    const tail = latin(bytes.subarray(Math.max(0, bytes.length - 2048)));
    const last = [...tail.matchAll(/startxref\s+(\d+)\s+%%EOF/g)].at(-1);
    if (!last) throw new PdfError("no startxref");
    await pdf.#follow(Number(last[1]));
    if (!((await pdf.resolve(pdf.trailer.get("/Root"))) instanceof Map)) throw new PdfError("no catalog");
    return pdf;
  }

  async #follow(start) {
    const waiting = [start];
    while (waiting.length) {
      const at = waiting.shift();
      if (this.sections.includes(at) || this.sections.length > MOST_SECTIONS) throw new PdfError("cross-references in a circle");
      this.sections.push(at);
      const trailer = await this.#section(at);
      this.trailer ??= trailer;
      for (const key of ["/XRefStm", "/Prev"]) {
        if (Number.isInteger(trailer.get(key))) waiting.push(trailer.get(key));
      }
    }
  }

  async #section(at) {
    if (at < 0 || at >= this.bytes.length) throw new PdfError("a cross-reference points outside");
    const reader = new Reader(this.bytes, at);
    reader.skip();
    if (this.bytes[reader.at] === 0x78) return this.#table(reader);
    const { value } = this.#read(reader);
    if (!(value instanceof Stream) || value.dictionary.get("/Type") !== "/XRef") throw new PdfError("not a cross-reference");
    await this.#stream(value);
    return value.dictionary;
  }

  #table(reader) {
    reader.expect("xref");
    for (;;) {
      const back = reader.at;
      if (reader.word() === "trailer") return this.#dictionary(reader.value());
      reader.at = back;
      const first = reader.integer();
      const count = reader.integer();
      this.#check(first, count);
      for (let n = 0; n < count; n += 1) {
        const at = reader.integer();
        const generation = reader.integer();
        const used = reader.word();
        if (used !== "n" && used !== "f") throw new PdfError("not a cross-reference entry");
        this.#place(first + n, used === "n" && at ? { at, generation } : null);
      }
    }
  }

  #dictionary(value) {
    if (!(value instanceof Map)) throw new PdfError("not a dictionary");
    return value;
  }

  #check(first, count) {
    if (first + count > MOST_OBJECTS) throw new PdfError("too many objects");
  }

  #place(number, place) {
    if (!this.places.has(number)) this.places.set(number, place);
  }

  async #stream(stream) {
    const { dictionary } = stream;
    const data = await this.inflated(stream);
    const widths = dictionary.get("/W");
    const index = dictionary.get("/Index") ?? [0, dictionary.get("/Size")];
    if (!Array.isArray(widths) || widths.length < 3 || !Array.isArray(index)) throw new PdfError("not a cross-reference stream");
    const size = widths.reduce((sum, width) => sum + width, 0);
    let at = 0;
    for (let n = 0; n + 1 < index.length; n += 2) {
      this.#check(index[n], index[n + 1]);
      for (let k = 0; k < index[n + 1] && at + size <= data.length; k += 1, at += size) {
        this.#place(index[n] + k, entry(data, at, widths));
      }
    }
  }

  // --- objects ---

  #read(reader) {
    const number = reader.integer();
    const generation = reader.integer();
    reader.expect("obj");
    const value = reader.value();
    const back = reader.at;
    if (value instanceof Map && reader.word() === "stream") return { number, generation, value: this.#body(reader, value) };
    reader.at = back;
    return { number, generation, value };
  }

  #body(reader, dictionary) {
    if (this.bytes[reader.at] === 13) reader.at += 1;
    if (this.bytes[reader.at] === 10) reader.at += 1;
    let length = dictionary.get("/Length");
    if (length instanceof Ref) length = this.#length(length);
    if (!Number.isInteger(length) || length < 0 || reader.at + length > this.bytes.length) throw new PdfError("a stream has no length");
    const raw = this.bytes.subarray(reader.at, reader.at + length);
    reader.at += length;
    reader.expect("endstream");
    return new Stream(dictionary, raw);
  }

  /** A stream's length that stands elsewhere: never in an object stream (section 7.3.8.2). */
  #length(ref) {
    const place = this.places.get(ref.number);
    if (!place || place.at === undefined) return null;
    const reader = new Reader(this.bytes, place.at);
    reader.integer();
    reader.integer();
    reader.expect("obj");
    return reader.value();
  }

  /** The object of that number; null when there is none. Throws PdfError when it is not what the file says it is. */
  async object(number) {
    if (!this.#objects.has(number)) this.#objects.set(number, await this.#load(number));
    return this.#objects.get(number);
  }

  async #load(number) {
    const place = this.places.get(number);
    if (!place) return null;
    if (place.within !== undefined) return (await this.#unpacked(place.within)).get(number) ?? null;
    const found = this.#read(new Reader(this.bytes, place.at));
    if (found.number !== number) throw new PdfError("a cross-reference points to another object");
    return found.value;
  }

  async #unpacked(number) {
    if (!this.#packed.has(number)) {
      const place = this.places.get(number);
      if (!place || place.at === undefined) throw new PdfError("an object stream is missing");
      const { value } = this.#read(new Reader(this.bytes, place.at));
      if (!(value instanceof Stream)) throw new PdfError("an object stream is missing");
      this.#packed.set(number, unpack(await this.inflated(value), value.dictionary));
    }
    return this.#packed.get(number);
  }

  /** The value behind a reference, however many there are. */
  async resolve(value) {
    for (let hops = 0; value instanceof Ref; hops += 1) {
      if (hops > 20) throw new PdfError("references in a circle");
      value = await this.object(value.number);
    }
    return value ?? null;
  }

  /** A stream's data; only unpacked as far as structure needs it: Flate, with or without a PNG predictor. */
  async inflated(stream) {
    const filter = await this.resolve(stream.dictionary.get("/Filter"));
    const filters = Array.isArray(filter) ? filter : filter ? [filter] : [];
    if (!filters.length) return stream.raw;
    if (filters.length > 1 || filters[0] !== "/FlateDecode") throw new PdfError("an unknown filter");
    const parameters = await this.resolve(stream.dictionary.get("/DecodeParms"));
    return unpredicted(await inflate(stream.raw), parameters instanceof Map ? parameters : new Map());
  }
}

function entry(data, at, widths) {
  const fields = [];
  for (const width of widths) {
    let value = 0;
    for (let n = 0; n < width; n += 1, at += 1) value = value * 256 + data[at];
    fields.push(value);
  }
  const type = widths[0] ? fields[0] : 1;
  if (type === 1) return { at: fields[1], generation: fields[2] };
  if (type === 2) return { within: fields[1], index: fields[2] };
  return null;
}

function unpack(data, dictionary) {
  const reader = new Reader(data, 0);
  const places = [];
  for (let n = 0; n < dictionary.get("/N"); n += 1) places.push([reader.integer(), reader.integer()]);
  const found = new Map();
  for (const [number, offset] of places) found.set(number, new Reader(data, dictionary.get("/First") + offset).value());
  return found;
}

async function inflate(raw) {
  const parts = [];
  let size = 0;
  const reader = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      size += step.value.length;
      if (size > LARGEST_INFLATED) throw new PdfError("a stream is too large");
      parts.push(step.value);
    }
  } catch (error) {
    // Bytes after the compressed data are common and harmless; data that cannot be read is not.
    if (!parts.length || error instanceof PdfError) throw new PdfError("a stream cannot be read");
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function unpredicted(data, parameters) {
  const predictor = parameters.get("/Predictor") ?? 1;
  if (predictor === 1) return data;
  if (predictor < 10) throw new PdfError("an unknown predictor");
  const columns = ((parameters.get("/Columns") ?? 1) * (parameters.get("/Colors") ?? 1) * (parameters.get("/BitsPerComponent") ?? 8)) / 8;
  const rows = Math.floor(data.length / (columns + 1));
  const out = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) unpredictRow(data, row, columns, out);
  return out;
}

function unpredictRow(data, row, columns, out) {
  const kind = data[row * (columns + 1)];
  const from = row * (columns + 1) + 1;
  const to = row * columns;
  for (let n = 0; n < columns; n += 1) {
    const left = n ? out[to + n - 1] : 0;
    const up = row ? out[to - columns + n] : 0;
    const corner = row && n ? out[to - columns + n - 1] : 0;
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind] ?? 0;
    out[to + n] = data[from + n] + guess;
  }
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
