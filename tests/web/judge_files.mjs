// For tests in Python: judges every PDF and evidence bundle of a folder with the browser's verifier and prints {name: {ok, signers, failed, held}}.
//   node judge_files.mjs FOLDER ROOTS.pem [TIME]

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { isBundle, judgeBundle } from "../../web/lib/verify/bundle.js";
import { read, readTimestamp } from "../../web/lib/verify/cms.js";
import { judge } from "../../web/lib/verify/judge.js";

const [folder, roots, at] = process.argv.slice(2);
const verdicts = {};
for (const name of readdirSync(folder).filter((each) => /\.(pdf|zip|der)$/.test(each)).sort()) {
  const bytes = new Uint8Array(readFileSync(join(folder, name)));
  try {
    if (name.endsWith(".der")) {
      // A bare signature: that it can be read at all says nothing.
      read(bytes);
      await readTimestamp(bytes, bytes);
      verdicts[name] = { ok: false, signers: 0, held: [], failed: [] };
      continue;
    }
    const how = { roots: readFileSync(roots, "utf8"), at: at ? new Date(at) : new Date() };
    const verdict = await (isBundle(bytes) ? judgeBundle(bytes, how) : judge(bytes, how));
    const parts = [...verdict.signers, ...verdict.seals, ...verdict.timestamps, ...verdict.foreign];
    const failed = parts.flatMap((one) => one.checks.filter((check) => !check.ok).map((check) => `${one.kind}:${check.name}`));
    failed.push(...(verdict.bundle ?? []).filter((check) => !check.ok).map((check) => `bundle:${check.name}`));
    const held = parts.filter((one) => one.ok).map((one) => `${one.kind}:${one.name}`);
    verdicts[name] = { ok: verdict.ok, signers: verdict.signers.length, failed, held };
  } catch (error) {
    verdicts[name] = { ok: false, signers: 0, held: [], failed: [`unreadable:${error.constructor.name}`] };
  }
}
console.log(JSON.stringify(verdicts));
