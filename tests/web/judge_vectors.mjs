// For tests in Python: judges the conformance vectors with the browser's verifier and prints {name: {ok, wrong, signers}},
// in the words of their index.
//   node judge_vectors.mjs FOLDER

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { isBundle, judgeBundle } from "../../web/lib/verify/bundle.js";
import { judge } from "../../web/lib/verify/judge.js";

const OF_THE_SIGNATURE = ["coverage", "timestamp", "certificate", "changed_after"];

const [folder] = process.argv.slice(2);
const { vectors } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
const said = {};
for (const { name, file, roots, at } of vectors) {
  const bytes = new Uint8Array(readFileSync(join(folder, file)));
  try {
    const how = { roots: readFileSync(join(folder, roots), "utf8"), at: new Date(at) };
    const verdict = await (isBundle(bytes) ? judgeBundle(bytes, how) : judge(bytes, how));
    const signers = verdict.signers.map((one) => ({ name: one.name, ok: one.ok }));
    said[name] = { ok: verdict.ok, wrong: [...new Set(wrong(verdict))].sort(), signers };
  } catch (error) {
    if (!["PdfError", "ZipError"].includes(error.constructor.name)) throw error;
    said[name] = { ok: false, wrong: ["unreadable"], signers: [] };
  }
}
console.log(JSON.stringify(said));

function* wrong(verdict) {
  for (const one of verdict.signers) {
    for (const { name } of one.checks.filter((check) => !check.ok)) {
      yield `signer ${one.name}: ${OF_THE_SIGNATURE.includes(name) ? "signature" : name}`;
    }
    if (!verdict.closed.includes(one.contractId)) yield "unsealed";
  }
  for (const one of [...verdict.seals, ...verdict.timestamps, ...verdict.foreign]) if (!one.ok) yield one.kind;
  if (!verdict.signers.length && !verdict.reported && !verdict.recorded) yield "unsigned";
  if (verdict.tailed) yield "tail";
  for (const check of verdict.bundle ?? []) if (!check.ok) yield `bundle: ${check.name}`;
}
