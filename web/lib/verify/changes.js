/**
 * What was added to a PDF after a place: allowed are signatures, timestamps, validation data, and values and appearances of
 * fields that were there; anything else is named. Stricter than readers are: an object number that was free, or that
 * something already pointed to, may not be filled later, because that changes what was shown.
 */

import { same } from "./der.js";
import { Bytes, Ref, Stream, members } from "./pdf.js";

const FREE_IN_CATALOG = ["/AcroForm", "/DSS", "/Extensions", "/Metadata"];
const FREE_IN_FORM = ["/SigFlags", "/Fields"];
const FREE_IN_FIELD = ["/V", "/AP", "/AS"];
const MOST_FIELDS = 100_000;

/** Every field of a form: {name, number, dictionary, type}. `number` is null for one that is not an object of its own. */
export async function fieldsOf(pdf) {
  const form = await formOf(pdf);
  const found = [];
  const seen = new Set();
  const walk = async (reference, prefix, inherited) => {
    if (reference instanceof Ref && seen.has(reference.number)) return;
    if (reference instanceof Ref) seen.add(reference.number);
    const dictionary = await pdf.resolve(reference);
    if (!(dictionary instanceof Map) || found.length > MOST_FIELDS) return;
    const own = await pdf.resolve(dictionary.get("/T"));
    const name = [prefix, own instanceof Bytes ? words(own.octets) : ""].filter(Boolean).join(".");
    const type = (await pdf.resolve(dictionary.get("/FT"))) ?? inherited;
    found.push({ name, number: reference instanceof Ref ? reference.number : null, dictionary, type });
    for (const kid of members(await pdf.resolve(dictionary.get("/Kids")))) await walk(kid, name, type);
  };
  for (const reference of members(await pdf.resolve(form?.get("/Fields")))) await walk(reference, "", null);
  return found;
}

async function formOf(pdf) {
  const catalog = await pdf.resolve(pdf.trailer.get("/Root"));
  const form = catalog instanceof Map ? await pdf.resolve(catalog.get("/AcroForm")) : null;
  return form instanceof Map ? form : null;
}

/** A text string (section 7.9.2.2). */
export function words(octets) {
  if (octets[0] === 0xfe && octets[1] === 0xff) return new TextDecoder("utf-16be").decode(octets.subarray(2));
  if (octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf) return new TextDecoder().decode(octets.subarray(3));
  return new TextDecoder("latin1").decode(octets);
}

/** {wrong, touched}: what was changed that may not be, and the names of the fields whose value or look changed. */
export async function changes(base, final) {
  const wrong = new Set();
  const touched = new Set();
  for (const key of ["/Root", "/Encrypt"]) {
    if (written(base.trailer.get(key)) !== written(final.trailer.get(key))) wrong.add("trailer_changed");
  }
  if (base.trailer.has("/Encrypt")) wrong.add("encrypted");
  const roles = await rolesIn(base);
  for (const number of final.places.keys()) {
    if (!base.places.get(number) && final.places.get(number) && roles.pointedAt.has(number)) wrong.add("gap_filled");
  }
  for (const [number, place] of base.places) {
    if (!place || !moved(base, final, number)) continue;
    await compare(base, final, number, roles, wrong, touched);
  }
  return { wrong: [...wrong], touched: [...touched] };
}

function moved(base, final, number) {
  const [before, after] = [base.places.get(number), final.places.get(number)];
  if (!after) return true;
  if (before.at !== after.at || before.within !== after.within || before.index !== after.index) return true;
  return before.within !== undefined && base.places.get(before.within)?.at !== final.places.get(before.within)?.at;
}

/** What each object of the base is to the document, and every number that anything reachable points to. */
async function rolesIn(base) {
  const roles = new Map();
  const set = (value, role) => value instanceof Ref && roles.set(value.number, role);
  const catalog = await base.resolve(base.trailer.get("/Root"));
  set(base.trailer.get("/Info"), { kind: "free" });
  set(catalog.get("/Metadata"), { kind: "free" });
  for (const number of await reachable(base, catalog.get("/DSS"))) roles.set(number, { kind: "free" });
  set(catalog.get("/AcroForm"), { kind: "form" });
  const form = await formOf(base);
  set(form?.get("/Fields"), { kind: "fields" });
  for (const { number, dictionary } of await pagesOf(base)) {
    roles.set(number, { kind: "page" });
    set(dictionary.get("/Annots"), { kind: "annotations" });
  }
  for (const field of await fieldsOf(base)) {
    if (field.number !== null) roles.set(field.number, { kind: "field", field });
  }
  set(base.trailer.get("/Root"), { kind: "catalog" });
  roles.pointedAt = await reachable(base, base.trailer.get("/Root"));
  return roles;
}

async function pagesOf(pdf) {
  const catalog = await pdf.resolve(pdf.trailer.get("/Root"));
  const found = [];
  const seen = new Set();
  const waiting = [catalog.get("/Pages")];
  while (waiting.length) {
    const reference = waiting.pop();
    if (!(reference instanceof Ref) || seen.has(reference.number)) continue;
    seen.add(reference.number);
    const dictionary = await pdf.resolve(reference);
    if (!(dictionary instanceof Map)) continue;
    const kids = await pdf.resolve(dictionary.get("/Kids"));
    if (Array.isArray(kids)) waiting.push(...kids);
    else found.push({ number: reference.number, dictionary });
  }
  return found;
}

/** The numbers of all objects that a value leads to, those that do not exist included. */
async function reachable(pdf, value) {
  const seen = new Set();
  const waiting = [value];
  while (waiting.length) {
    const next = waiting.pop();
    if (next instanceof Ref) {
      if (seen.has(next.number)) continue;
      seen.add(next.number);
      waiting.push(await pdf.object(next.number));
    } else if (Array.isArray(next)) for (const each of next) waiting.push(each);
    else if (next instanceof Map) for (const each of next.values()) waiting.push(each);
    else if (next instanceof Stream) waiting.push(next.dictionary);
  }
  return seen;
}

async function compare(base, final, number, roles, wrong, touched) {
  const [before, after] = [await base.object(number), await final.object(number)];
  if (equal(before, after)) return;
  const role = roles.get(number) ?? { kind: "other" };
  if (role.kind === "free") return;
  const rule = RULES[role.kind];
  if (!rule) wrong.add("object_changed");
  else await rule({ before, after, role, base, final, wrong, touched });
}

const RULES = {
  async catalog({ before, after, base, final, wrong }) {
    onlyThese(before, after, FREE_IN_CATALOG, wrong, "catalog_changed");
    await form(await base.resolve(before.get("/AcroForm")), await final.resolve(after.get("/AcroForm")), base, final, wrong);
  },
  async form({ before, after, base, final, wrong }) {
    await form(before, after, base, final, wrong);
  },
  async fields({ before, after, base, final, wrong }) {
    await onlySignatures(before, after, base, final, wrong, "form_changed");
  },
  async page({ before, after, base, final, wrong }) {
    onlyThese(before, after, ["/Annots"], wrong, "page_changed");
    const [old, fresh] = [await base.resolve(before.get("/Annots")), await final.resolve(after.get("/Annots"))];
    await onlySignatures(old ?? [], fresh ?? [], base, final, wrong, "page_changed");
  },
  async annotations({ before, after, base, final, wrong }) {
    await onlySignatures(before, after, base, final, wrong, "page_changed");
  },
  async field({ before, after, role, wrong, touched }) {
    onlyThese(before, after, FREE_IN_FIELD, wrong, "field_changed");
    touched.add(role.field.name);
    if (role.field.type === "/Sig" && before instanceof Map && before.has("/V")) wrong.add("signature_replaced");
  },
};

async function form(before, after, base, final, wrong) {
  if (!before) {
    if (after) wrong.add("form_changed");
    return;
  }
  onlyThese(before, after, FREE_IN_FORM, wrong, "form_changed");
  const [old, fresh] = [await base.resolve(before.get("/Fields")), await final.resolve(after?.get?.("/Fields"))];
  await onlySignatures(old ?? [], fresh ?? [], base, final, wrong, "form_changed");
}

function onlyThese(before, after, free, wrong, what) {
  if (!(before instanceof Map) || !(after instanceof Map)) {
    wrong.add(what);
    return;
  }
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (!free.includes(key) && written(before.get(key)) !== written(after.get(key))) wrong.add(what);
  }
}

/** A longer list may only have got signature fields; one that shows something has to hold a signature, which is judged. */
async function onlySignatures(before, after, base, final, wrong, what) {
  if (!Array.isArray(before) || !Array.isArray(after) || written(before) !== written(after.slice(0, before.length))) {
    wrong.add(what);
    return;
  }
  for (const reference of after.slice(before.length)) {
    const field = await final.resolve(reference);
    const fresh = reference instanceof Ref && !base.places.get(reference.number);
    if (!fresh || !(field instanceof Map) || field.get("/FT") !== "/Sig" || field.has("/Kids")) wrong.add(what);
    else if (!field.has("/V") && !invisible(await final.resolve(field.get("/Rect")))) wrong.add("empty_field_shown");
  }
}

function invisible(rectangle) {
  if (!Array.isArray(rectangle) || rectangle.length !== 4) return false;
  const [left, bottom, right, top] = rectangle;
  return left === right || bottom === top;
}

/** One way of writing a value, for comparing: dictionaries sorted. Streams are objects of their own and not in here. */
export function written(value) {
  if (value === undefined) return "";
  if (value instanceof Ref) return `${value}`;
  if (value instanceof Bytes) return `<${[...value.octets].join(",")}>`;
  if (Array.isArray(value)) return `[${value.map(written).join(" ")}]`;
  if (value instanceof Map) return `<<${[...value].map(([key, each]) => `${key} ${written(each)}`).sort().join(" ")}>>`;
  return `${value}`;
}

function equal(before, after) {
  if (!(before instanceof Stream) || !(after instanceof Stream)) {
    return !(before instanceof Stream) && !(after instanceof Stream) && written(before) === written(after);
  }
  return written(before.dictionary) === written(after.dictionary) && same(before.raw, after.raw);
}
