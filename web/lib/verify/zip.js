/**
 * A ZIP's members (APPNOTE 6.3), stored or deflated, by name. For evidence bundles: nothing is guessed. What the central directory
 * says must be what stands before each member, the checksum must be right, and the archive must be the whole file.
 */

export class ZipError extends Error {}

const END = 0x06054b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const STORED = 0;
const DEFLATED = 8;

/** Map from name to octets. `limits` says how large each name's part may be; another name is refused. Throws ZipError. */
export async function unzip(bytes, limits) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = new Map();
  for (const member of directory(bytes, view, Object.keys(limits).length)) {
    if (!(member.size <= (limits[member.name] ?? -1)) || parts.has(member.name)) throw new ZipError("not a part of a bundle");
    parts.set(member.name, await read(bytes, view, member));
  }
  return parts;
}

function directory(bytes, view, most) {
  const end = bytes.length - END_SIZE;
  if (end < 0 || view.getUint32(end, true) !== END) throw new ZipError("not a ZIP from end to end");
  const [count, size, start] = [view.getUint16(end + 10, true), view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  if (count > most || view.getUint16(end + 20, true) !== 0 || start + size !== end) throw new ZipError("not a ZIP from end to end");
  const found = [];
  for (let at = start; at < end; ) {
    need(at + 46 <= end && view.getUint32(at, true) === DIRECTORY);
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    need(at + 46 + name + extra + comment <= end);
    found.push({
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      checksum: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      local: view.getUint32(at + 42, true),
      name: ascii(bytes.subarray(at + 46, at + 46 + name)),
    });
    at += 46 + name + extra + comment;
  }
  need(found.length === count && (!count || found.some((member) => member.local === 0)));
  return found;
}

function need(condition) {
  if (!condition) throw new ZipError("a ZIP's directory is broken");
}

function ascii(octets) {
  return new TextDecoder("latin1").decode(octets);
}

async function read(bytes, view, { flags, method, checksum, packed, size, local, name }) {
  need(local + 30 <= bytes.length && view.getUint32(local, true) === LOCAL && !(flags & 0x41));
  const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  need(begin + packed <= bytes.length);
  need(ascii(bytes.subarray(local + 30, local + 30 + view.getUint16(local + 26, true))) === name);
  const raw = bytes.subarray(begin, begin + packed);
  if (method !== STORED && method !== DEFLATED) throw new ZipError("an unknown compression");
  const part = method === DEFLATED ? await inflated(raw, size) : raw;
  if (part.length !== size || crc32(part) !== checksum) throw new ZipError("a part does not fit its checksum");
  return part;
}

/** Unpacked, and never more than was announced. */
async function inflated(raw, size) {
  const out = new Uint8Array(size);
  let at = 0;
  try {
    const reader = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      out.set(step.value, at);
      at += step.value.length;
    }
  } catch {
    throw new ZipError("a part cannot be unpacked");
  }
  if (at !== size) throw new ZipError("a part is shorter than announced");
  return out;
}

let table = null;

function crc32(octets) {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let value = 0xffffffff;
  for (const octet of octets) value = table[(value ^ octet) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
