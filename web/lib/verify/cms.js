/**
 * CMS signed data (RFC 5652) as PAdES has it, and RFC 3161 timestamps inside it.
 *
 * `read` takes it apart, `check` says what is wrong with the mathematics (an empty list: nothing), `path` finds the way
 * to a root. Nothing is trusted because it is there.
 */

import { hashName, issuedBy, read as readCertificate, verifies } from "./certificate.js";
import { content, DerError, hexInteger, inside, insideOf, node, oid, same, time, whole } from "./der.js";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const TIMESTAMP = "1.2.840.113549.1.9.16.2.14";
const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const LONGEST_PATH = 6;
const SEQUENCE = 0x30;
const SET = 0x31;

/** The parts of a ContentInfo with signed data and one signer. Throws DerError. */
export function read(der) {
  const [type, wrapped, ...more] = insideOf(SEQUENCE, node(der));
  if (oid(type) !== SIGNED_DATA || more.length) throw new DerError("not signed data");
  const parts = insideOf(SEQUENCE, insideOf(0xa0, wrapped)[0]);
  const [version, digests, encapsulated, certificates] = parts;
  if (parts.length !== 5 || certificates.tag !== 0xa0) throw new DerError("other parts than expected");
  const signers = insideOf(SET, parts[4]);
  if (signers.length !== 1) throw new DerError("not one signer");
  const [contentType, contentNode] = insideOf(SEQUENCE, encapsulated);
  if (hexInteger(version) !== (contentNode ? "03" : "01")) throw new DerError("another version than expected");
  if (insideOf(SET, digests).map(digestName).join() !== digestName(insideOf(SEQUENCE, signers[0])[2])) {
    throw new DerError("digest algorithms disagree");
  }
  return {
    contentType: oid(contentType),
    content: contentNode ? encapsulatedContent(contentNode) : null,
    certificates: inside(certificates).filter((one) => one.tag === 0x30).map((one) => readCertificate(whole(one))),
    ...readSigner(signers[0]),
  };
}

function encapsulatedContent(wrapped) {
  const [octets, ...more] = insideOf(0xa0, wrapped);
  if (!octets || octets.tag !== 0x04 || more.length) throw new DerError("unexpected content");
  return content(octets);
}

/** A digest algorithm's name; its parameters are absent or NULL, nothing else. */
function digestName(algorithm) {
  const [, parameters, ...more] = insideOf(SEQUENCE, algorithm);
  if (more.length || (parameters && (parameters.tag !== 0x05 || parameters.start !== parameters.end))) {
    throw new DerError("unexpected parameters");
  }
  return hashName(algorithm);
}

function readSigner(of) {
  const parts = insideOf(SEQUENCE, of);
  const signed = parts.find((part) => part.tag === 0xa0);
  const unsigned = parts.find((part) => part.tag === 0xa1);
  const rest = parts.slice(signed ? 4 : 3);
  if (!signed || rest.length !== (unsigned ? 3 : 2)) throw new DerError("other parts than expected");
  if (hexInteger(parts[0]) !== "01") throw new DerError("another version than expected");
  const [issuer, serial] = insideOf(SEQUENCE, parts[1]);
  const [kind, parameters, ...more] = insideOf(SEQUENCE, rest[0]);
  if (more.length || (parameters && parameters.tag !== 0x05) || rest[1].tag !== 0x04) throw new DerError("unexpected signature");
  const set = whole(signed).slice();
  set[0] = 0x31;
  return {
    issuer: whole(issuer),
    serial: hexInteger(serial),
    hash: hashName(parts[2]),
    attributes: attributes(signed),
    signedAttributes: set,
    algorithm: oid(kind),
    signature: content(rest[1]),
    unsigned: unsigned ? attributes(unsigned) : new Map(),
  };
}

function attributes(of) {
  const found = new Map();
  for (const one of inside(of)) {
    const [type, values] = insideOf(SEQUENCE, one);
    const name = oid(type);
    found.set(name, [...(found.get(name) ?? []), ...insideOf(SET, values)]);
  }
  return found;
}

/** The one value of an attribute; none or several are nothing. */
export function only(attributeMap, type) {
  const values = attributeMap.get(type) ?? [];
  return values.length === 1 ? values[0] : null;
}

/** The signer's certificate, as the signature itself names it; null when it is not there. */
export function signerOf(cms) {
  return cms.certificates.find((one) => one.serial === cms.serial && same(one.issuer, cms.issuer)) ?? null;
}

/** What is wrong with a signature over data with this digest (in the signature's own hash): names of what fails. */
export async function check(cms, digest, contentType = "1.2.840.113549.1.7.1") {
  const certificate = signerOf(cms);
  if (!certificate) return ["certificate_missing"];
  const wrong = [];
  const type = only(cms.attributes, CONTENT_TYPE);
  if (!type || oid(type) !== contentType || cms.contentType !== contentType) wrong.push("content_type");
  if (![...cms.unsigned.keys()].every((each) => each === TIMESTAMP)) wrong.push("unsigned_attributes");
  const imprint = only(cms.attributes, MESSAGE_DIGEST);
  if (!imprint || !same(content(imprint), digest)) wrong.push("digest");
  if (!(await namesCertificate(cms, certificate))) wrong.push("signing_certificate");
  const data = cms.signedAttributes;
  const { algorithm, signature, hash } = cms;
  if (!(await verifies({ key: certificate.key, algorithm, signature, data, hash }))) wrong.push("signature");
  return wrong;
}

/** ESS signing-certificate-v2 (RFC 5035): the certificate that was meant when it was signed. */
async function namesCertificate(cms, certificate) {
  const attribute = only(cms.attributes, SIGNING_CERTIFICATE_V2);
  if (!attribute) return false;
  const first = inside(inside(inside(attribute)[0])[0]);
  const hash = first[0].tag === 0x30 ? hashName(first[0]) : "SHA-256";
  const told = content(first[0].tag === 0x30 ? first[1] : first[0]);
  return same(told, new Uint8Array(await crypto.subtle.digest(hash, certificate.der)));
}

/** From a certificate to one of the roots, all valid at that moment: the certificates on the way, or null. */
export async function path(certificate, { roots, others, at }) {
  let here = certificate;
  const way = [certificate];
  for (let step = 0; step < LONGEST_PATH; step += 1) {
    if (at < here.from || at > here.to) return null;
    if (roots.some((root) => same(root.der, here.der))) return way;
    const next = await issuerOf(here, [...roots, ...others]);
    if (!next || way.includes(next)) return null;
    way.push(next);
    here = next;
  }
  return null;
}

async function issuerOf(certificate, candidates) {
  for (const one of candidates) {
    if (await issuedBy(certificate, one)) return one;
  }
  return null;
}

/** The signature timestamp's DER, when there is one. */
export function timestampOf(cms) {
  const token = only(cms.unsigned, TIMESTAMP);
  return token ? whole(token) : null;
}

/** A timestamp token judged against what it should be over: {at, wrong, certificate, others}. Throws DerError. */
export async function readTimestamp(der, data) {
  const cms = read(der);
  const info = inside(node(cms.content ?? new Uint8Array()));
  const [algorithm, imprint] = inside(info[2]);
  const at = time(info.find((part) => part.tag === 0x18));
  const certificate = signerOf(cms);
  const own = new Uint8Array(await crypto.subtle.digest(cms.hash, cms.content));
  const wrong = cms.contentType === TST_INFO ? await check(cms, own, TST_INFO) : ["content_type"];
  const told = new Uint8Array(await crypto.subtle.digest(hashName(algorithm), data));
  if (!same(content(imprint), told)) wrong.push("imprint");
  if (certificate && !(certificate.purposes ?? []).includes(TIME_STAMPING)) wrong.push("purpose");
  return { at, wrong, certificate, others: cms.certificates };
}
