/**
 * Judges an evidence bundle in the browser, as `bff/signing/judging.py` does: the document, its log, how the two point at each
 * other, and the log's place in the tree over all chains; or an enterprise's record (docs/evidence-format.md, section 5).
 */

import { issuedBy, read as readCertificate, fromPem, verifies } from "./certificate.js";
import { path, readTimestamp } from "./cms.js";
import { hex, same } from "./der.js";
import { canonical } from "./jcs.js";
import { judge } from "./judge.js";
import { unzip, ZipError } from "./zip.js";

export const PDF = "contract.pdf";
const LOG = "evidence.jsonl";
const RECORD = "record.jsonl";
const HISTORY = "history.json";
const LIMITS = {
  [PDF]: 200_000_000,
  [LOG]: 50_000_000,
  [RECORD]: 50_000_000,
  [HISTORY]: 1_000_000,
  "roots.pem": 100_000,
  "README.txt": 20_000,
};
const NOBODY = { signers: [], seals: [], timestamps: [], foreign: [], closed: [], recorded: true };
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const FORMAT = "countersign-history/1";
const HEAD_FORMAT = "countersign-head/1";
const LEAF_FORMAT = "countersign-leaf/1";
const TOLERANCE_MS = 2 * 60 * 1000;

/** A ZIP rather than a PDF, by its first octets. */
export function isBundle(bytes) {
  return [0x50, 0x4b, 3, 4].every((octet, n) => bytes[n] === octet);
}

/**
 * The verdict on its PDF, with `ok` for all of it, `bundle`: the checks of log and tree, and `pdf`: its octets; of a record, which
 * has no PDF, `recorded` is true. Throws PdfError, ZipError.
 */
export async function judgeBundle(bytes, { roots = "", at = new Date() } = {}) {
  const parts = await unzip(bytes, LIMITS);
  if (parts.has(RECORD) && !parts.has(PDF) && !parts.has(LOG)) return judgeRecord(parts, fromPem(roots));
  if (!parts.has(PDF) || !parts.has(LOG) || parts.has(RECORD)) throw new ZipError("not a bundle");
  const verdict = await judge(parts.get(PDF), { roots, at });
  const checks = [];
  const add = (name, ok, facts = {}) => checks.push({ name, ok: Boolean(ok), ...facts });
  await judgeLog(parts, verdict, fromPem(roots), add);
  return { ...verdict, ok: verdict.ok && checks.every((check) => check.ok), bundle: checks, pdf: parts.get(PDF) };
}

async function judgeRecord(parts, trusted) {
  const checks = [];
  const add = (name, ok, facts = {}) => checks.push({ name, ok: Boolean(ok), ...facts });
  const entries = await chain(parts.get(RECORD));
  const said = entries.length ? valueOf(entries[0]).contract_id : "";
  const subject = typeof said === "string" && said.includes(":") ? said : "";
  const whole = entries.length > 0 && entries.every((entry, seq) => belongs(entry.raw, subject, seq));
  add("log", whole);
  if (whole) await judgeHistory(entries, subject, parts.get(HISTORY), trusted, [], add);
  return { ...NOBODY, ok: checks.every((check) => check.ok), bundle: checks };
}

async function judgeLog(parts, verdict, trusted, add) {
  const whose = new Set(verdict.signers.map((signer) => signer.contractId));
  const contractId = whose.size === 1 ? [...whose][0] : "";
  const entries = await chain(parts.get(LOG));
  const whole = entries.length > 0 && entries.every((entry, seq) => belongs(entry.raw, contractId, seq));
  add("log", whole);
  if (!whole) return;
  await pointers(entries, parts.get(PDF), verdict, add);
  await judgeHistory(entries, contractId, parts.get(HISTORY), trusted, verdict.signers, add);
}

/** The entries with the head after each: what the lines must lead to is named by signatures and by the tree. */
async function chain(log) {
  const entries = [];
  let head = new Uint8Array(32);
  for (const raw of lines(log)) {
    head = await hash(0, head, raw);
    entries.push({ raw, head: hex(head) });
  }
  return entries;
}

function lines(log) {
  const found = [];
  const end = log.at(-1) === 10 ? log.length - 1 : log.length;
  for (let at = 0; log.length && at <= end; ) {
    const next = log.indexOf(10, at);
    const stop = next < 0 || next > end ? end : next;
    found.push(log.subarray(at, stop));
    at = stop + 1;
  }
  return found;
}

/** SHA-256 over one octet and what follows. */
async function hash(first, ...rest) {
  const data = new Uint8Array(1 + rest.reduce((sum, part) => sum + part.length, 0));
  data[0] = first;
  let at = 1;
  for (const part of rest) {
    data.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/** In canonical JSON the keys are sorted: the first contract_id is the entry's own, and `seq` is last. */
function belongs(raw, contractId, seq) {
  const text = new TextDecoder("latin1").decode(raw);
  const id = new TextDecoder("latin1").decode(new TextEncoder().encode(canonical(contractId)));
  const at = text.indexOf('"contract_id":"');
  return at >= 0 && text.startsWith(`"contract_id":${id},"data":`, at) && text.endsWith(`,"seq":${seq}}`);
}

function valueOf(entry) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(entry.raw));
    if (value && typeof value === "object" && value.data && typeof value.data === "object" && !Array.isArray(value.data)) return value;
  } catch {
    // An entry that says nothing supports nothing.
  }
  return { data: {} };
}

async function pointers(entries, pdf, verdict, add) {
  const byHead = new Map(entries.map((entry) => [entry.head, entry]));
  for (const { name, evidenceHead, challenge } of verdict.signers) {
    const value = byHead.has(evidenceHead) ? valueOf(byHead.get(evidenceHead)) : {};
    add("signed", value.kind === "signed" && value.data.challenge === challenge, { who: name });
  }
  add("seal", verdict.seals.length > 0 && verdict.seals.every((seal) => byHead.has(seal.evidenceHead)));
  const digest = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", pdf)));
  add("document", entries.some((entry) => valueOf(entry).data.document_sha256 === digest));
}

// --- log and tree --------------------------------------------------------------------------------------

async function judgeHistory(entries, contractId, raw, trusted, signers, add) {
  const proof = raw ? readProof(raw) : null;
  if (!proof) {
    add("tree", false);
    return;
  }
  const { leaf } = proof;
  const known = leaf.contract_id === contractId && leaf.seq >= 0 && leaf.seq < entries.length;
  add("leaf", known && entries[leaf.seq].head === leaf.head, { seq: leaf.seq, last: entries.length - 1 });
  add("inclusion", await included(proof));
  add("head", await vouched(proof, trusted));
  const times = await timesOf(proof, trusted);
  const early = new Date(proof.at - TOLERANCE_MS);
  add("head_time", times.length > 0 && times.every((time) => time && time >= early), { times });
  if (proof.records) await judgeRecords(proof, signers, add);
}

/** Whoever signed for an enterprise: its record says so where their signature says that it does. */
async function judgeRecords(proof, signers, add) {
  for (const { name, identity, challenge } of signers) {
    const head = identity?.enterprise?.record_head;
    if (head === undefined || head === null) continue;
    const found = await Promise.all(proof.records.map((record) => hasUse(proof, record, head, challenge)));
    add("record", found.some(Boolean), { who: name });
  }
}

async function hasUse({ size, root }, record, head, challenge) {
  const { leaf, before, entry } = record;
  const value = valueOf({ raw: entry });
  const told = value.contract_id === leaf.contract_id && value.seq === leaf.seq && value.kind === "seal_used";
  if (!told || leaf.head !== head || value.data.challenge !== challenge) return false;
  return hex(await hash(0, before, entry)) === leaf.head && included({ ...record, size, root });
}

/** The proof with its parts decoded; null when it is not what section 5 says. */
function readProof(raw) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
    const head = JSON.parse(value.head);
    const proof = {
      leaf: leafOf(value.leaf),
      records: "records" in value ? list(value.records).map(recordOf) : null,
      position: integer(value.position),
      path: list(value.path).map(octets),
      head: new TextEncoder().encode(string(value.head)),
      size: integer(head.size),
      root: octets(head.root),
      at: Date.parse(string(head.at)),
      signature: base64(value.signature),
      certificate: readCertificate(base64(pemBody(string(value.certificate)))),
      tokens: list(value.timestamps).map(base64),
    };
    return value.format === FORMAT && head.format === HEAD_FORMAT && Number.isFinite(proof.at) ? proof : null;
  } catch {
    return null;
  }
}

function leafOf({ contract_id, seq, head }) {
  return { contract_id: string(contract_id), seq: integer(seq), head: string(head) };
}

function recordOf({ leaf, position, path: steps, before, entry }) {
  return {
    leaf: leafOf(leaf),
    position: integer(position),
    path: list(steps).map(octets),
    before: octets(before),
    entry: new TextEncoder().encode(string(entry)),
  };
}

function string(value) {
  if (typeof value !== "string") throw new TypeError("not a string");
  return value;
}

function integer(value) {
  if (!Number.isSafeInteger(value)) throw new TypeError("not an integer");
  return value;
}

function list(value) {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}

function octets(text) {
  if (!/^[0-9a-f]{64}$/.test(string(text))) throw new TypeError("not a digest");
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}

function base64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(string(text)) || text.length % 4) throw new TypeError("not base64");
  return Uint8Array.from(atob(text), (ch) => ch.charCodeAt(0));
}

function pemBody(pem) {
  const found = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem);
  if (!found) throw new TypeError("not a certificate");
  return found[1].replace(/\s/g, "");
}

/** Whether the leaf and its path lead to the head's root (RFC 9162, section 2.1.3.2). */
async function included({ leaf, position, size, path: steps, root }) {
  if (position < 0 || position >= size) return false;
  let [here, last] = [position, size - 1];
  let node = await hash(0, new TextEncoder().encode(canonical({ ...leaf, format: LEAF_FORMAT })));
  for (const step of steps) {
    if (last === 0) return false;
    if (here % 2 || here === last) {
      node = await hash(1, step, node);
      while (here % 2 === 0 && here) [here, last] = [here / 2, Math.floor(last / 2)];
    } else node = await hash(1, node, step);
    [here, last] = [Math.floor(here / 2), Math.floor(last / 2)];
  }
  return last === 0 && same(node, root);
}

/** The head's signature, and the certificate's by one of the roots; when it was valid the timestamps say. */
async function vouched({ head, signature, certificate }, trusted) {
  try {
    const signed = { key: certificate.key, algorithm: ECDSA_SHA256, signature, data: head };
    if (!(await verifies(signed))) return false;
    for (const root of trusted) if (await issuedBy(certificate, root)) return true;
  } catch {
    // A key or a signature that cannot be read vouches for nothing.
  }
  return false;
}

async function timesOf({ head, tokens }, trusted) {
  const times = [];
  for (const token of tokens) {
    try {
      const { at, wrong, certificate, others } = await readTimestamp(token, head);
      const way = !wrong.length && certificate && (await path(certificate, { roots: trusted, others, at }));
      times.push(way ? at : null);
    } catch {
      times.push(null);
    }
  }
  return times;
}
