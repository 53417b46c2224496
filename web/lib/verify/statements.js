/**
 * What a house states about a person and about a face video, held against itself and against the intent.
 *
 * The same questions as in `bff/signing/statements.py`, by the same names; no value of a file, of whatever type and size, makes this throw.
 * `known` gives the parts of a sentence about the person; the words belong to the page.
 */

import { hex } from "./der.js";
import { derived } from "./gestures.js";
import { canonical } from "./jcs.js";

const LEVELS = ["none", "contact", "document", "document+face", "document+face+source"];
const DIGEST = /^[0-9a-f]{64}$/;
const MOMENT = /^(?!0000)(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const LARGEST = 10_000_000;
const LONGEST_SHOWN = 120;
const REACHES = { match: "match", among_least: "among", portrait_least: "review", neighbour_least: "neighbour", face_pixels: "face_pixels" };
const THRESHOLDS = [...Object.values(REACHES), "glow", "eyes", "mouth", "lost", "turn_degrees"];
const CROWDED_MOST = 1;
const GLOW_VISIBLE_SURELY = 60;
const ROUNDING = 1;
const TOLERANCE_MS = 120_000;

// --- signing by face -----------------------------------------------------------------------------------

/** [name, whether it holds] of each check. `time`: the proven one, a Date, or null. */
export async function faceChecks(proof, identity, intent, challenge, time) {
  const verdict = mapping(proof.verdict);
  const asked = await askedFor(proof, challenge);
  const actions = asked ? asked.steps.map((step) => step.action) : [];
  return [
    ["gestures", asked !== null && (await isAsked(proof, verdict, asked))],
    ["verdict", passed(verdict) && reached(verdict, actions) && inTime(proof, intent, time)],
    ["compared", compared(proof, verdict, identity)],
  ];
}

async function askedFor({ nonce, pace, colours }, challenge) {
  if (!is(/^[0-9a-f]{32}$/, nonce) || !["normal", "slow"].includes(pace) || typeof colours !== "boolean") return null;
  const salt = Uint8Array.from(nonce.match(/../g), (pair) => parseInt(pair, 16));
  return derived(challenge, salt, { pace, colours });
}

async function isAsked(proof, verdict, asked) {
  const written = canonical(asked);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(written));
  return proof.gestures === written && verdict.challenge_sha256 === hex(new Uint8Array(digest));
}

function passed(verdict) {
  return verdict.outcome === "pass" && verdict.reason === "match" && is(DIGEST, verdict.video_sha256);
}

/** Comparing with a number that is not there is false. */
function reached(verdict, actions) {
  const scores = numbers(verdict.scores);
  const thresholds = numbers(verdict.thresholds);
  if (!THRESHOLDS.every((name) => thresholds.get(name) > 0) || thresholds.get("review") > thresholds.get("match")) return false;
  const s = (name) => scores.get(name) ?? NaN;
  const t = (name) => thresholds.get(name);
  const shut = 10_000 * (s("eyes_least") - ROUNDING) <= t("eyes") * s("eyes_calm");
  const acted = {
    turn_left: s("yaw_most") >= t("turn_degrees"),
    turn_right: s("yaw_least") <= -t("turn_degrees"),
    open_mouth: s("mouth_most") - s("mouth_calm") >= t("mouth") - ROUNDING,
    close_eyes: shut,
    blink_twice: shut,
  };
  const lit = s("glow_visible") >= GLOW_VISIBLE_SURELY;
  return (
    Object.entries(REACHES).every(([score, threshold]) => s(score) >= t(threshold)) &&
    s("frames_lost") >= 0 && 10_000 * s("frames_lost") <= t("lost") * s("frames_looked_at") &&
    s("frames_crowded") >= 0 && s("frames_crowded") <= CROWDED_MOST &&
    (!lit || s("glow") >= t("glow")) &&
    actions.every((action) => acted[action])
  );
}

function inTime(proof, intent, time) {
  const [recorded, judged, issued, expires] = [proof.recorded_at, proof.judged_at, intent.issued_at, intent.expires_at].map(moment);
  if ([recorded, judged, issued, expires].includes(null)) return false;
  const good = issued <= recorded && Math.floor(recorded / 1000) * 1000 <= expires;
  const committed = moment(proof.committed_at);
  const fixed = !Object.hasOwn(proof, "committed_at") || (committed !== null && issued <= committed && committed <= recorded);
  return good && fixed && recorded <= judged && (!time || judged <= time.getTime() + TOLERANCE_MS);
}

function compared(proof, verdict, identity) {
  const checked = mapping(identity.checked);
  const recogniser = mapping(verdict.models).recognition;
  return (
    LEVELS.indexOf(identity.level) >= LEVELS.indexOf("document+face") &&
    text(checked.check) && proof.compared_with === checked.check &&
    is(DIGEST, recogniser) && recogniser === mapping(mapping(checked.face).models).recognition
  );
}

// --- who the person is ----------------------------------------------------------------------------------

/** The level is that of the check beside it, which held at that time. Without a check it is no more than an address. */
export function identityHolds(identity, proof, intent) {
  const rank = LEVELS.indexOf(identity.level);
  if (rank < LEVELS.indexOf("document")) return rank >= 0 && !Object.hasOwn(identity, "checked");
  const checked = mapping(identity.checked);
  const named = text(checked.name) && text(checked.check) && text(mapping(checked.document).kind);
  return named && reaches(identity.level, checked) && held(checked, proof, intent);
}

function reaches(level, checked) {
  const outcome = mapping(checked.face).outcome ?? null;
  const seen = outcome === "pass" || (texts(checked.reviewed_by) && (outcome === null || outcome === "review"));
  const confirmed = checked.source_asked === true && mapping(checked.source).outcome === "match";
  return (
    checked.level === level &&
    (level === "document" || seen) &&
    (level !== "document+face+source" || confirmed) &&
    (!Object.hasOwn(checked, "attended_by") || (level === "document" && text(checked.attended_by)))
  );
}

function held(checked, proof, intent) {
  const ended = proof.method === "face" ? proof.judged_at : intent.expires_at;
  const [since, until, issued, last] = [checked.checked_at, checked.valid_until, intent.issued_at, ended].map(moment);
  if ([since, until, issued, last].includes(null)) return false;
  return since <= last && until >= Math.floor(issued / 1000) * 1000;
}

/** The names of the sentences about a person whose identity holds, and what is filled into them. */
export function known(identity) {
  const checked = mapping(identity?.checked);
  const level = identity?.level;
  if (!LEVELS.includes(level) || level === "none") return { parts: [], said: {} };
  const kind = mapping(checked.document).kind;
  return {
    parts: level === "contact" ? [level] : [level, how(checked), "statement"],
    kind: ["cn_id_front", "passport", "card"].includes(kind) ? kind : "other",
    said: {
      address: shown(identity.link_address_masked),
      date: shown(checked.checked_at).slice(0, 10),
      document: shown(mapping(checked.document).number_masked),
      name: shown(checked.name),
      source: shown(mapping(checked.source).provider),
      who: shown(checked.attended_by),
    },
  };
}

function how(checked) {
  if (text(checked.attended_by)) return "attended";
  return texts(checked.reviewed_by) ? "reviewed" : "computer";
}

/** A text of a file as it may stand on a screen: one line, and not long. */
function shown(value) {
  if (!text(value)) return "?";
  const clean = [...value.slice(0, 2 * LONGEST_SHOWN + 2)].map((ch) => (/[\p{C}\p{Zl}\p{Zp}]/u.test(ch) ? "\ufffd" : ch));
  return clean.length <= LONGEST_SHOWN ? clean.join("") : `${clean.slice(0, LONGEST_SHOWN - 1).join("")}…`;
}

// --- values of any type ----------------------------------------------------------------------------------

export function mapping(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** Milliseconds since 1970 of an RFC 3339 time, else null. */
export function moment(value) {
  const found = typeof value === "string" ? MOMENT.exec(value) : null;
  if (!found) return null;
  const [year, month, day] = found.slice(1, 4).map(Number);
  const days = month >= 1 && month <= 12 ? new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate() : 0;
  return day >= 1 && day <= days ? Date.parse(value) : null;
}

function numbers(value) {
  return new Map(Object.entries(mapping(value)).filter(([, each]) => Number.isInteger(each) && Math.abs(each) <= LARGEST));
}

function is(pattern, value) {
  return typeof value === "string" && pattern.test(value);
}

function text(value) {
  return typeof value === "string" && value !== "";
}

function texts(value) {
  return Array.isArray(value) && value.length > 0 && value.every(text);
}
