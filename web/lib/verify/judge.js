/**
 * Judges a signed PDF in the browser: what docs/evidence-format.md, section 7, asks of a verifier, with WebCrypto and nothing else.
 *
 * `judge` gives {ok, signers, seals, timestamps, foreign, reported, …}: each signature with its checks, {name, ok}. The sentences belong to the
 * page. What a check is called here it is called in `bff/signing/verify.py`; the same files get the same verdicts.
 */

import { changes, fieldsOf, words } from "./changes.js";
import { fromPem, plainSignature, read as readCertificate, verifies } from "./certificate.js";
import { check, path, read as readCms, readTimestamp, signerOf, timestampOf } from "./cms.js";
import { canonical } from "./jcs.js";
import { content, hex, inside, node, same, time, whole, hexInteger, oid, bits } from "./der.js";
import { unpacked } from "./packed.js";
import { Bytes, Pdf, PdfError, members } from "./pdf.js";
import { faceChecks, identityHolds, mapping } from "./statements.js";

const ARC = "2.25.242388184400267224250795273426544236926";
const ACT = `${ARC}.1`;
const SEAL = `${ARC}.3`;
const SEAL_FORMAT = "countersign-seal/1";
const REPORT_FORMAT = "countersign-report/1";
const OURS = /^countersign-[0-9a-f]{8}-(signer|field|seal)(?:-(.+))?$/;
const TOLERANCE_MS = 2 * 60 * 1000;
const LONGEST_NAME = 64;
const DEEPEST = 32;
const INTENT = [
  "consent_sha256", "consent_version", "contract_id", "contract_title", "document_pages", "document_sha256", "expires_at", "format",
  "host", "issued_at", "language", "mark_sha256", "method", "nonce", "signer_id", "signer_name", "signer_role", "values_sha256",
];

const FOR = ["organisation", "organisation_identifier"];
const INTENTS = { "countersign-intent/1": INTENT, "countersign-intent/2": [...INTENT, ...FOR].sort() };

/** The verdict on a file. `roots` in PEM. Throws PdfError when it is not a PDF that can be followed. */
export async function judge(bytes, { roots = "", at = new Date() } = {}) {
  const trusted = fromPem(roots);
  const file = await Pdf.open(bytes);
  const found = await signaturesOf(file);
  const store = await validationData(file);
  const world = { bytes, file, found, trusted, at, ...store, cuts: await prefixes(bytes) };
  await timestampsFirst(world);
  for (const one of found) if (one.kind !== "timestamp") await judgeOne(one, world);
  const of = (kind) => found.filter((one) => one.kind === kind).map(told);
  const signers = of("signer");
  const seals = of("seal");
  const closed = new Set(seals.filter((seal) => seal.ok && seal.format === SEAL_FORMAT).map((seal) => seal.contractId));
  const reported = !signers.length && seals.length > 0 && seals.every((seal) => seal.format === REPORT_FORMAT);
  const whole = signers.length > 0 && signers.every((signer) => signer.ok && closed.has(signer.contractId));
  const tailed = found.length > 0 && Math.max(...found.map((one) => one.end)) < bytes.length;
  const ok = (whole || reported) && !tailed && seals.every((seal) => seal.ok) && of("timestamp").every((stamp) => stamp.ok) && of("foreign").every((one) => one.ok);
  return { ok, signers, seals, timestamps: of("timestamp"), foreign: of("foreign"), closed: [...closed], reported, tailed };
}

function told(one) {
  const checks = one.checks;
  return {
    name: one.who,
    kind: one.kind,
    ok: checks.every((each) => each.ok),
    time: one.time ? one.time.toISOString() : null,
    method: one.act?.proof?.method ?? "",
    proof: one.act?.proof?.method === "passkey" ? "device" : "platform",
    contractId: one.intent?.contract_id ?? one.statement?.contract_id ?? "",
    title: one.intent?.contract_title ?? "",
    documentSha256: one.intent?.document_sha256 ?? "",
    challenge: one.challenge ? hex(one.challenge) : "",
    format: one.statement?.format ?? "",
    evidenceHead: one.statement?.evidence_head ?? "",
    identity: one.act?.identity ?? null,
    organisation: one.intent?.organisation ?? "",
    shownBytes: one.shown ?? null,
    checks,
  };
}

// --- finding -------------------------------------------------------------------------------------------

async function signaturesOf(file) {
  const found = [];
  for (const field of await fieldsOf(file)) {
    if (field.type !== "/Sig") continue;
    const dictionary = await file.resolve(field.dictionary.get("/V"));
    if (dictionary instanceof Map) found.push(await taken(file, field, dictionary));
  }
  return found.sort((a, b) => a.end - b.end);
}

async function taken(file, field, dictionary) {
  const range = await file.resolve(dictionary.get("/ByteRange"));
  const contents = await file.resolve(dictionary.get("/Contents"));
  const one = { field: field.name, dictionary, checks: [], range, contents, end: 0, kind: "foreign", who: field.name, cms: null };
  if (Array.isArray(range) && range.length === 4 && range.every(Number.isSafeInteger)) one.end = range[2] + range[3];
  try {
    one.cms = readCms(contents.octets);
    one.who = signerOf(one.cms)?.names.CN ?? field.name;
    if (dictionary.get("/SubFilter") === "/ETSI.RFC3161") one.kind = "timestamp";
    else await statement(one);
  } catch {
    one.cms = null;
  }
  return one;
}

async function statement(one) {
  for (const [kind, type] of [["signer", ACT], ["seal", SEAL]]) {
    const values = one.cms.attributes.get(type) ?? [];
    if (values.length !== 1 || values[0].tag !== 0x04) continue;
    one.kind = kind;
    const octets = content(values[0]);
    one.statement = parsed(kind === "signer" ? await unpacked(octets) : octets);
    if (kind === "signer") one.act = one.statement;
    return;
  }
}

function parsed(octets) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets));
    return deep(value) ? {} : mapping(value);
  } catch {
    return {};
  }
}

/** Nested as only an attack is. */
function deep(value) {
  let level = [value];
  for (let n = 0; n < DEEPEST && level.length; n += 1) {
    level = level.filter((each) => each && typeof each === "object").flatMap((each) => Object.values(each));
  }
  return level.length > 0;
}

/** Certificates and revocation lists that the file brings for later. */
async function validationData(file) {
  const catalog = await file.resolve(file.trailer.get("/Root"));
  const dss = await file.resolve(catalog.get("/DSS"));
  const all = async (key, readOne) => {
    const out = [];
    for (const reference of members(dss instanceof Map && (await file.resolve(dss.get(key))))) {
      try {
        out.push(readOne(await file.inflated(await file.resolve(reference))));
      } catch {
        // What cannot be read here proves nothing and is not needed.
      }
    }
    return out;
  };
  return { others: await all("/Certs", readCertificate), lists: await all("/CRLs", readList) };
}

/** A CRL (RFC 5280, section 5). */
function readList(der) {
  const [tbs, algorithm, signature] = inside(node(der));
  const parts = inside(tbs);
  const at = parts[0].tag === 0x02 ? 1 : 0;
  const revoked = parts.slice(at + 3).find((part) => part.tag === 0x30);
  return {
    signed: whole(tbs),
    algorithm: oid(inside(algorithm)[0]),
    signature: bits(signature),
    issuer: whole(parts[at + 1]),
    from: time(parts[at + 2]),
    revoked: new Map(revoked ? inside(revoked).map((one) => [hexInteger(inside(one)[0]), time(inside(one)[1])]) : []),
  };
}

/** The digest of the file cut at each end-of-file mark, with and without the line end behind it. */
async function prefixes(bytes) {
  const found = new Map();
  const mark = [0x25, 0x25, 0x45, 0x4f, 0x46];
  for (let at = bytes.indexOf(0x25); at >= 0; at = bytes.indexOf(0x25, at + 1)) {
    if (!mark.every((octet, n) => bytes[at + n] === octet)) continue;
    const ends = [at + 5];
    if (bytes[at + 5] === 13 || bytes[at + 5] === 10) ends.push(at + 6);
    if (bytes[at + 5] === 13 && bytes[at + 6] === 10) ends.push(at + 7);
    for (const end of ends) {
      const digest = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.subarray(0, end))));
      if (!found.has(digest)) found.set(digest, end);
    }
  }
  return found;
}

// --- one signature -------------------------------------------------------------------------------------

/** Document timestamps from the last back: each is judged now, or at the time that the next one proves. */
async function timestampsFirst(world) {
  let moment = world.at;
  for (const stamp of world.found.filter((one) => one.kind === "timestamp").reverse()) {
    await judgeBytes(stamp, world, async (data) => {
      const token = await readTimestamp(stamp.contents.octets, data);
      stamp.time = token.at;
      const trusted = !token.wrong.length && (await trustedAt(token.certificate, token.others, moment, world));
      stamp.checks.push({ name: "timestamp", ok: Boolean(trusted), why: token.wrong });
    });
    if (stamp.time && stamp.checks.every((each) => each.ok)) moment = stamp.time;
  }
}

async function judgeOne(one, world) {
  await judgeBytes(one, world, async (data) => {
    const digest = new Uint8Array(await crypto.subtle.digest(one.cms.hash, data));
    const wrong = await check(one.cms, digest);
    one.checks.push({ name: "signature", ok: !wrong.length, why: wrong });
    if (one.kind === "foreign") return;
    one.time = await provenTime(one, world);
    const trusted = await trustedAt(signerOf(one.cms), one.cms.certificates, one.time ?? world.at, world);
    one.checks.push({ name: "certificate", ok: Boolean(trusted) });
  });
  if (one.kind === "signer") await judgeAct(one, world);
}

/** What holds for every signature: that it covers the file so far, and what came after. Then `rest` with what is signed. */
async function judgeBytes(one, world, rest) {
  const covered = await coverage(one, world);
  one.checks.push({ name: "coverage", ok: Boolean(covered) });
  if (!covered) return;
  try {
    await rest(covered.data);
  } catch {
    one.checks.push({ name: "signature", ok: false, why: ["unreadable"] });
  }
  const after = await changes(covered.revision, world.file).catch(() => ({ wrong: ["unreadable"], touched: [] }));
  const touched = one.kind === "timestamp" ? [] : forbidden(one, after.touched, world);
  one.checks.push({ name: "changed_after", ok: !after.wrong.length && !touched.length, why: [...after.wrong, ...touched] });
}

/** The signed bytes and the revision that they are, when the range is the file's beginning less the signature itself. */
async function coverage({ range, contents, end, cms, dictionary }, world) {
  if (!cms || !end || !(contents instanceof Bytes) || end > world.bytes.length) return null;
  const [start, first, second] = range;
  if (start !== 0 || first !== contents.at || second !== contents.end) return null;
  const prefix = world.bytes.subarray(0, end);
  try {
    const revision = await Pdf.open(prefix);
    const inside = (await signaturesOf(revision)).some((other) => other.contents?.at === contents.at && other.end === end);
    if (!padded(contents.octets) || !plainHexadecimal(world.bytes.subarray(first, second))) return null;
    if (!inside || !/%%EOF\s*$/.test(tail(prefix)) || dictionary.get("/Filter") === undefined) return null;
    const data = new Uint8Array(first + end - second);
    data.set(prefix.subarray(0, first));
    data.set(prefix.subarray(second), first);
    return { revision, data };
  } catch (error) {
    if (error instanceof PdfError || error instanceof TypeError || error instanceof RangeError) return null;
    throw error;
  }
}

/** Behind the signature its place is filled with zeros: nothing may hide there, since no range covers it. */
function padded(octets) {
  return octets.subarray(node(octets).end).every((octet) => octet === 0);
}

/**
 * Whole octets in hexadecimal, in one case throughout and nothing between: a digit whose case was changed and white space where
 * a zero was say the same, and are changed all the same.
 */
function plainHexadecimal(gap) {
  return gap.length % 2 === 0 && /^<([0-9a-f]*|[0-9A-F]*)>$/.test(new TextDecoder("latin1").decode(gap));
}

function tail(bytes) {
  return new TextDecoder("latin1").decode(bytes.subarray(-16));
}

/** Fields that this signature does not let others change: after a signer only prepared ones, after the seal none. */
function forbidden(one, touched, world) {
  const signatures = new Set(world.found.map((each) => each.field));
  const locked = lockOf(one);
  return touched
    .filter((name) => !signatures.has(name) && (locked(name) || !(one.kind === "signer" && OURS.test(name))))
    .map((name) => `field:${name}`);
}

function lockOf({ dictionary }) {
  for (const reference of members(dictionary.get("/Reference"))) {
    if (!(reference instanceof Map) || reference.get("/TransformMethod") !== "/FieldMDP") continue;
    const parameters = reference.get("/TransformParams");
    if (!(parameters instanceof Map)) continue;
    const names = members(parameters.get("/Fields")).filter((each) => each instanceof Bytes).map((each) => words(each.octets));
    const named = (name) => names.some((each) => name === each || name.startsWith(`${each}.`));
    const action = parameters.get("/Action");
    return action === "/All" ? () => true : action === "/Exclude" ? (name) => !named(name) : named;
  }
  return () => false;
}

/** The time of the signature's own timestamp, else of the first document timestamp after it; null when neither holds. */
async function provenTime(one, world) {
  const later = world.found.filter((each) => each.kind === "timestamp" && each.end > one.end && each.checks.every((c) => c.ok));
  const token = timestampOf(one.cms);
  if (!token) return later[0]?.time ?? null;
  const { at, wrong, certificate, others } = await readTimestamp(token, one.cms.signature);
  const moment = later[0]?.time ?? world.at;
  const trusted = !wrong.length && (await trustedAt(certificate, others, moment, world));
  one.checks.push({ name: "timestamp", ok: Boolean(trusted), why: wrong });
  return trusted ? at : null;
}

/** Whether the certificate leads to a root and was neither over nor revoked at that moment. */
async function trustedAt(certificate, others, at, world) {
  if (!certificate) return false;
  const way = await path(certificate, { roots: world.trusted, others: [...others, ...world.others], at });
  if (!way) return false;
  for (const [n, one] of way.slice(0, -1).entries()) {
    if (await revoked(one, way[n + 1], at, world.lists)) return false;
  }
  return true;
}

async function revoked(certificate, issuer, at, lists) {
  for (const list of lists) {
    if (!same(list.issuer, issuer.subject)) continue;
    const when = list.revoked.get(certificate.serial);
    if (when === undefined || when > at) continue;
    const { algorithm, signature, signed } = list;
    if (await verifies({ key: issuer.key, algorithm, signature, data: signed })) return true;
  }
  return false;
}

// --- a signer's act -------------------------------------------------------------------------------------

async function judgeAct(one, world) {
  const add = (name, ok) => one.checks.push({ name, ok: Boolean(ok) });
  const act = one.act;
  const intent = await readIntent(act);
  add("intent", intent);
  if (!intent) return;
  one.intent = intent.value;
  one.challenge = intent.challenge;
  const { value } = intent;
  add("name", certificateName(value.signer_name) === one.who);
  const certificate = one.cms ? signerOf(one.cms)?.names : null;
  if (value.organisation || certificate?.O || certificate?.organizationIdentifier) {
    const known = act.identity?.enterprise?.identifier;
    const same = certificate?.organizationIdentifier === value.organisation_identifier && known === value.organisation_identifier;
    add("organisation", same && value.organisation && certificateName(value.organisation) === certificate?.O);
  }
  add("mark", (await digestOf(act.mark)) === value.mark_sha256);
  add("values", (await digestOf(act.values)) === value.values_sha256);
  add("time", !one.time || one.time.getTime() >= Date.parse(value.issued_at) - TOLERANCE_MS);
  const cut = world.cuts.get(value.document_sha256);
  const shown = cut !== undefined && cut < one.end;
  add("document", shown);
  if (shown) {
    one.shown = cut;
    add("additions", await onlyAllowedSince(cut, world));
  }
  const [proof, identity] = [mapping(act.proof), mapping(act.identity)];
  add("method", proof.method === value.method);
  if (proof.method === "passkey") await judgePasskey(proof, value, intent.challenge, add);
  else add("proof", proof.method === "sms" || proof.method === "face");
  if (proof.method === "face") {
    for (const [name, ok] of await faceChecks(proof, identity, value, intent.challenge, one.time)) add(name, ok);
  }
  add("identity", identityHolds(identity, proof, value));
}

async function readIntent(act) {
  try {
    const octets = intentOf(act);
    const value = parsed(octets);
    const named = Object.keys(value).sort().join() === INTENTS[value.format]?.join() && (value.format === "countersign-intent/1" || FOR.every((name) => value[name]));
    const typed = Object.entries(value).every(([name, each]) => (name === "document_pages" ? Number.isInteger(each) : typeof each === "string"));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(octets);
    if (!named || !typed || canonical(value) !== text) return null;
    return { value, challenge: new Uint8Array(await crypto.subtle.digest("SHA-256", octets)) };
  } catch {
    return null;
  }
}

/** The exact octets of the intent in a signer's statement. Throws where there are none. */
function intentOf(act) {
  if (act.format === "countersign-act/1") return Uint8Array.from(atob(act.intent), (ch) => ch.charCodeAt(0));
  if (act.format !== "countersign-act/2" || typeof act.intent !== "string") throw new TypeError("another format");
  return new TextEncoder().encode(act.intent);
}

async function digestOf(value) {
  try {
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(value)))));
  } catch {
    return null;
  }
}

/** A name as a certificate holds it: one line, at most 64 octets of UTF-8. */
export function certificateName(name) {
  // eslint-disable-next-line no-control-regex
  const clean = name.replace(/[\u0000-\u001f\u007f]/g, " ").split(/\s+/u).filter(Boolean).join(" ") || "-";
  const octets = new TextEncoder().encode(clean);
  if (octets.length <= LONGEST_NAME) return clean;
  return `${new TextDecoder().decode(octets.subarray(0, LONGEST_NAME - 3), { stream: true }).replace(/\ufffd$/, "")}…`;
}

async function onlyAllowedSince(cut, world) {
  try {
    const { wrong, touched } = await changes(await Pdf.open(world.bytes.subarray(0, cut)), world.file);
    return !wrong.length && touched.every((name) => OURS.test(name) || world.found.some((one) => one.field === name));
  } catch {
    return false;
  }
}

// --- a passkey's assertion (WebAuthn Level 3, section 7.2) -----------------------------------------------

async function judgePasskey(proof, intent, challenge, add) {
  const octets = (name) => unpadded(proof[name]);
  const client = parsed(octets("client_data_json"));
  const authenticator = octets("authenticator_data");
  add("challenge", client.type === "webauthn.get" && same(unpadded(client.challenge), challenge));
  add("origin", hostOf(client.origin) === intent.host && !client.crossOrigin);
  add("device", proof.rp_id === intent.host && (await bound(authenticator, intent.host)));
  const hashed = new Uint8Array(await crypto.subtle.digest("SHA-256", octets("client_data_json")));
  const signed = new Uint8Array([...authenticator, ...hashed]);
  add("assertion", await byDeviceKey(octets("public_key"), octets("signature"), signed).catch(() => false));
}

function hostOf(origin) {
  try {
    return new URL(origin).hostname;
  } catch {
    return null;
  }
}

async function bound(authenticator, host) {
  if (authenticator.length < 37) return false;
  const hashed = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(host)));
  return same(authenticator.subarray(0, 32), hashed) && (authenticator[32] & 5) === 5;
}

async function byDeviceKey(cose, signature, signed) {
  const key = coseKey(cose);
  if (key.get(1) === 2 && key.get(3) === -7 && key.get(-1) === 1) {
    const raw = new Uint8Array([4, ...key.get(-2), ...key.get(-3)]);
    const imported = await crypto.subtle.importKey("raw", raw, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    const plain = plainSignature(signature, 32);
    return plain !== null && crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, imported, plain, signed);
  }
  if (key.get(1) === 3 && key.get(3) === -257) {
    const jwk = { kty: "RSA", n: base64url(key.get(-1)), e: base64url(key.get(-2)), alg: "RS256" };
    const kind = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey("jwk", jwk, kind, false, ["verify"]);
    return crypto.subtle.verify(kind.name, imported, signature, signed);
  }
  if (key.get(1) === 1 && key.get(3) === -8 && key.get(-1) === 6) {
    const imported = await crypto.subtle.importKey("raw", key.get(-2), { name: "Ed25519" }, false, ["verify"]);
    return crypto.subtle.verify("Ed25519", imported, signature, signed);
  }
  return false;
}

/** As much of CBOR (RFC 8949) as a COSE_Key needs. Throws RangeError. */
function coseKey(octets) {
  let at = 0;
  const head = () => {
    const [major, short] = [octets[at] >> 5, octets[at] & 31];
    at += 1;
    if (short < 24) return [major, short];
    if (!(short <= 26)) throw new RangeError("not a COSE key");
    let value = 0;
    for (let n = 0; n < 1 << (short - 24); n += 1, at += 1) value = value * 256 + octets[at];
    if (!Number.isSafeInteger(value)) throw new RangeError("not a COSE key");
    return [major, value];
  };
  const item = () => {
    const [major, value] = head();
    if (major === 0) return value;
    if (major === 1) return -1 - value;
    if (major !== 2 || at + value > octets.length) throw new RangeError("not a COSE key");
    at += value;
    return octets.subarray(at - value, at);
  };
  const [major, size] = head();
  if (major !== 5) throw new RangeError("not a COSE key");
  const found = new Map();
  for (let n = 0; n < size; n += 1) {
    const key = item();
    if (typeof key !== "number" || found.has(key)) throw new RangeError("not a COSE key");
    found.set(key, item());
  }
  if (at !== octets.length) throw new RangeError("not a COSE key");
  return found;
}

function unpadded(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) return new Uint8Array();
  try {
    return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (ch) => ch.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function base64url(octets) {
  return btoa(String.fromCharCode(...octets)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
