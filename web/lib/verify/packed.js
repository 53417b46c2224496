/**
 * A signer's statement as it stands in the signature, packed: the octet 2, then DEFLATE (RFC 1951) whose window begins with a
 * dictionary (docs/evidence-format.md, section 3). Earlier files hold the JSON itself. `bff/signing/packed.py` does the same.
 */

const VERSION = 2;
const LARGEST = 4 * 2 ** 20;

const DICTIONARY = [
  '"attended_by":"","checked":{"check":"","checked_at":"","document":{"corrected":[],"issuer":"","kind":"passport","kind"',
  ':"cn_id_front","number_masked":"","number_sha256_salted":"","read_by_machine":true},"face":{"challenge_sha256":""recor',
  'd_head":"","review":"","reviewed_by":[""],"source":{"compared":["name","number"],"outcome":"match","provider":"","reas',
  'on":"","reference":""},"source_asked":false,"valid_until":"},"enterprise":{"grant":"","grant_by":""grant_until":"","id',
  'entifier":"NTRCN-","licence":"agrees","name":"","proven_at":"","proven_by":"representative","proven_until":"","record_',
  'head":"","representative":"","role":"","seal":"","seal_sha256":""models":{"attributes":"","detection":"","recognition"',
  ':""},"outcome":"pass","reason":"match","scores":{"actions_seen":3,"among_least":,"brightness":,"eyes_calm":,"eyes_leas',
  't":,"face_pixels":,"frames_crowded":0,"frames_described":,"frames_looked_at":,"frames_lost":0,"glow":,"glow_millisecon',
  'ds":,"glow_seen":1,"glow_visible":,"match":,"mouth_calm":,"mouth_most":,"neighbour_least":,"portrait_least":,"sharpnes',
  's":,"video_milliseconds":,"yaw_least":-,"yaw_most":},"step":null,"thresholds":{"among":6000,"eyes":,"face_pixels":,"gl',
  'ow":6000,"lost":,"match":4000,"mouth":,"neighbour":5000,"review":3300,"turn_degrees":},"video_sha256":""colours":true,',
  '"compared_with":"","gestures":"{\\"format\\":\\"countersign-gestures/1\\",\\"glows\\":[{\\"at_ms\\":0,\\"colour\\":\\"rose\\"},{\\"',
  'at_ms\\":,\\"colour\\":\\"green\\"},\\"colour\\":\\"sky\\"},\\"colour\\":\\"amber\\"}],\\"length_ms\\":,\\"steps\\":[{\\"action\\":\\"turn',
  '_left\\",\\"at_ms\\":},{\\"action\\":\\"turn_right\\",\\"action\\":\\"open_mouth\\",\\"action\\":\\"close_eyes\\",\\"action\\":\\"blink_',
  'twice\\"}]}","judged_at":""method":"face","nonce":"","pace":"normal","recorded_at":"","verdict":{"challenge_sha256":""k',
  'ind":"drawn","name":"","strokes":[[[,0,0],[,1000],[,500],"kind":"seal","seal":{"around":"","colour":[204,0,0],"foot":"',
  '","middle":"","shape":"round"}},"passkey_kept_at":null,"passkey_link_channel":"email","passkey_set_up":"this_link","pa',
  'sskey_set_up":"another_link","passkey_set_up":"signed_in","passkey_set_up_at":""proof":{"authenticator_data":"MFAAAAA"',
  ',"client_data_json":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiIiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQ","credential_id":"',
  '","method":"passkey","public_key":"pQECAyYgASFYI","rp_id":""signature":"MEUCIQD"},"values":{}}{"evidence_head":"","for',
  'mat":"countersign-act/2","identity":{"level":"contact","link_address_masked":"•••@"link_address_sha256":"","link_and_c',
  'ode_share_a_channel":false,"link_channel":"email","name_given_by":"sender","person_id":null},"level":"document+face+so',
  'urce","intent":"{\\"consent_sha256\\":\\"\\",\\"consent_version\\":\\"\\",\\"contract_id\\":\\"\\",\\"contract_title\\":\\"\\",\\"docum',
  'ent_pages\\":1,\\"document_sha256\\":\\"\\",\\"expires_at\\":\\"2026-+00:00\\",\\"format\\":\\"countersign-intent/1\\",\\"host\\":\\"\\',
  '",\\"issued_at\\":\\"2026-\\",\\"language\\":\\"en\\",\\"language\\":\\"zh\\",\\"mark_sha256\\":\\"\\",\\"method\\":\\"sms\\",\\"nonce\\":\\"',
  '\\",\\"organisation\\":\\"\\",\\"organisation_identifier\\":\\"\\",\\"signer_id\\":\\"\\",\\"signer_name\\":\\"\\",\\"signer_role\\":\\"\\"',
  ',\\"values_sha256\\":\\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\\"}","mark":{"face":"auto","kind"',
  ':"typed","name":""},"proof":{"confirmed_at":"2026-","method":"sms","phone_masked":"•••• ","phone_sha256":"","provider_',
  'id":"","sent_at":"2026-","tries":1,"verifier":""},"values":{}}',
].join("");

/** The statement's JSON, of either format; nothing where it cannot be read. */
export async function unpacked(octets) {
  if (octets[0] !== VERSION) return octets;
  // Some engines overlook what stands behind the last block; then there is an end before the last octet already.
  const early = await opened(octets.subarray(1, -1));
  return (early === null ? await opened(octets.subarray(1)) : null) ?? new Uint8Array();
}

/** What is packed; null where it has no end or cannot be read. */
async function opened(octets) {
  const known = new TextEncoder().encode(DICTIONARY);
  try {
    // Engines take no dictionary; a stored block before the packed ones fills the window as one would.
    return (await inflated(new Blob([stored(known), octets]), known.length + LARGEST)).subarray(known.length);
  } catch {
    return null;
  }
}

/** RFC 1951, section 3.2.4: not the last block, not packed, its length and the complement of that. */
function stored(octets) {
  const block = new Uint8Array(5 + octets.length);
  const view = new DataView(block.buffer);
  view.setUint16(1, octets.length, true);
  view.setUint16(3, ~octets.length & 0xffff, true);
  block.set(octets, 5);
  return block;
}

async function inflated(blob, largest) {
  const parts = [];
  let size = 0;
  const reader = blob.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.length;
    if (size > largest) throw new RangeError("a statement is too large");
    parts.push(step.value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
