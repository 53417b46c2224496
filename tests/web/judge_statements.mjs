// For tests in Python: reads [{proof, identity, intent}] and prints for each what the browser's verifier says of these statements.
//   node judge_statements.mjs FILE

import { readFileSync } from "node:fs";

import { canonical } from "../../web/lib/verify/jcs.js";
import { faceChecks, identityHolds, known, mapping } from "../../web/lib/verify/statements.js";

const said = [];
for (const each of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const [proof, identity] = [mapping(each.proof), mapping(each.identity)];
  const octets = new TextEncoder().encode(canonical(each.intent));
  const challenge = new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
  const checks = await faceChecks(proof, identity, each.intent, challenge, new Date(each.proven));
  known(identity);
  said.push({ ...Object.fromEntries(checks), identity: identityHolds(identity, proof, each.intent) });
}
console.log(JSON.stringify(said));
