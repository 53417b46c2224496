/**
 * Certificates (RFC 5280) and the signatures that they and others make, with WebCrypto: P-256 and P-384 with SHA-2, RSA
 * PKCS #1 v1.5 with SHA-2. A kind of signature that is not among these is said to be unknown, never taken for valid.
 */

import { bits, content, DerError, hexInteger, inside, insideOf, node, oid, text, time, whole } from "./der.js";

const HASHES = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const SIGNATURES = {
  "1.2.840.10045.4.3.2": ["ECDSA", "SHA-256"],
  "1.2.840.10045.4.3.3": ["ECDSA", "SHA-384"],
  "1.2.840.10045.4.3.4": ["ECDSA", "SHA-512"],
  "1.2.840.113549.1.1.11": ["RSASSA-PKCS1-v1_5", "SHA-256"],
  "1.2.840.113549.1.1.12": ["RSASSA-PKCS1-v1_5", "SHA-384"],
  "1.2.840.113549.1.1.13": ["RSASSA-PKCS1-v1_5", "SHA-512"],
};
const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48] };
const EC_KEY = "1.2.840.10045.2.1";
const RSA_KEY = "1.2.840.113549.1.1.1";
const NAMES = { "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.5": "serialNumber", "2.5.4.46": "dnQualifier", "2.5.4.97": "organizationIdentifier" };

/** The WebCrypto name of a digest algorithm's identifier node. Throws DerError for one that is not known. */
export function hashName(algorithm) {
  const name = HASHES[oid(inside(algorithm)[0])];
  if (!name) throw new DerError("an unknown digest algorithm");
  return name;
}

/** A certificate from its DER. Throws DerError. */
export function read(der) {
  const [tbs, algorithm, signature] = inside(node(der));
  const parts = inside(tbs);
  const at = parts[0].tag === 0xa0 ? 1 : 0;
  const [from, to] = inside(parts[at + 3]);
  return {
    der: whole(node(der)),
    signed: whole(tbs),
    algorithm: oid(inside(algorithm)[0]),
    signature: bits(signature),
    serial: hexInteger(parts[at]),
    issuer: whole(parts[at + 2]),
    from: time(from),
    to: time(to),
    subject: whole(parts[at + 4]),
    names: names(parts[at + 4]),
    key: whole(parts[at + 5]),
    ...extensions(parts.find((part) => part.tag === 0xa3)),
  };
}

function names(of) {
  const found = {};
  for (const set of inside(of)) {
    for (const pair of inside(set)) {
      const [type, value] = inside(pair);
      const name = NAMES[oid(type)];
      if (name) found[name] = text(value);
    }
  }
  return found;
}

function extensions(of) {
  const found = { ca: false, purposes: null, usage: null, unknown: [] };
  if (!of) return found;
  for (const one of inside(inside(of)[0])) {
    const parts = inside(one);
    const critical = parts.length === 3 && content(parts[1])[0] !== 0;
    const value = node(content(parts.at(-1)));
    readExtension(oid(parts[0]), value, critical, found);
  }
  return found;
}

const IGNORED = ["2.5.29.14", "2.5.29.35", "2.5.29.31", "2.5.29.32", "2.5.29.17", "1.3.6.1.5.5.7.1.1"];

function readExtension(type, value, critical, found) {
  if (type === "2.5.29.19") found.ca = inside(value)[0]?.tag === 0x01 && content(inside(value)[0])[0] !== 0;
  else if (type === "2.5.29.15") found.usage = value.bytes[value.start + 1] ?? 0;
  else if (type === "2.5.29.37") found.purposes = inside(value).map(oid);
  else if (critical && !IGNORED.includes(type)) found.unknown.push(type);
}

/** Whether a signature over `data` is by the key (SubjectPublicKeyInfo). `hash` where the algorithm does not name it. */
export async function verifies({ key, algorithm, signature, data, hash }) {
  const [kind, named] = SIGNATURES[algorithm] ?? (algorithm === RSA_KEY ? ["RSASSA-PKCS1-v1_5", hash] : []);
  if (!kind || !named) return false;
  const info = inside(node(key));
  const [type, curve] = inside(info[0]);
  if (kind === "ECDSA") {
    const [name, size] = (oid(type) === EC_KEY && CURVES[oid(curve)]) || [];
    if (!name) return false;
    const imported = await crypto.subtle.importKey("spki", key, { name: "ECDSA", namedCurve: name }, false, ["verify"]);
    const plain = plainSignature(signature, size);
    return plain !== null && crypto.subtle.verify({ name: "ECDSA", hash: named }, imported, plain, data);
  }
  if (oid(type) !== RSA_KEY) return false;
  const imported = await crypto.subtle.importKey("spki", key, { name: kind, hash: named }, false, ["verify"]);
  return crypto.subtle.verify(kind, imported, signature, data);
}

/** ECDSA's r and s out of DER (RFC 3279, section 2.2.3), side by side as WebCrypto takes them; null when they are not. */
export function plainSignature(der, size) {
  const parts = insideOf(0x30, node(der));
  if (parts.length !== 2 || node(der).end !== der.length) return null;
  const plain = new Uint8Array(2 * size);
  for (const [n, part] of parts.entries()) {
    let number = content(part);
    while (number.length > 1 && number[0] === 0) number = number.subarray(1);
    if (part.tag !== 0x02 || number.length > size) return null;
    plain.set(number, (n + 1) * size - number.length);
  }
  return plain;
}

/** Whether one certificate was issued by another: the name, that it is an authority's, and the signature. */
export async function issuedBy(one, authority) {
  const named = one.issuer.length === authority.subject.length && one.issuer.every((octet, n) => octet === authority.subject[n]);
  if (!named || !authority.ca || authority.unknown.length) return false;
  return verifies({ key: authority.key, algorithm: one.algorithm, signature: one.signature, data: one.signed });
}

/** The certificates in a PEM text. */
export function fromPem(pem) {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => read(Uint8Array.from(atob(block.replace(/-----[^-]+-----|\s/g, "")), (ch) => ch.charCodeAt(0))));
}
