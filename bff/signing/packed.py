"""A signer's statement as it stands in the signature: packed, since every octet there is written as two digits.

`countersign-act/2` is the octet 2 and then DEFLATE (RFC 1951) whose window begins with a dictionary that both sides
know: the members of a statement in their usual order. What is left of them in the file is what is this signer's own,
digests and names for the most part. Earlier files hold the JSON itself (`countersign-act/1`); both are read here and
in `web/lib/verify/packed.js`, and docs/evidence-format.md has the dictionary.

What is read comes out of a file that anybody may have made: it is never unpacked beyond a limit, and what cannot be
read is nothing.
"""

import zlib

VERSION = b"\2"
LARGEST = 4 * 2**20
"""Octets of a statement; the largest of ours, with a mark of many strokes, has a fiftieth of that."""

DICTIONARY = (
    '"attended_by":"","checked":{"check":"","checked_at":"","document":{"corrected":[],"issuer":"","kind":"passport",'
    '"kind":"cn_id_front","number_masked":"","number_sha256_salted":"","read_by_machine":true},"face":{"challenge_sha256":"'
    '"record_head":"","review":"","reviewed_by":[""],"source":{"compared":["name","number"],"outcome":"match",'
    '"provider":"","reason":"","reference":""},"source_asked":false,"valid_until":"},"enterprise":{"grant":"","grant_by":"'
    '"grant_until":"","identifier":"NTRCN-","licence":"agrees","name":"","proven_at":"","proven_by":"representative",'
    '"proven_until":"","record_head":"","representative":"","role":"","seal":"","seal_sha256":"'
    '"models":{"attributes":"","detection":"","recognition":""},"outcome":"pass","reason":"match",'
    '"scores":{"actions_seen":3,"among_least":,"brightness":,"eyes_calm":,"eyes_least":,"face_pixels":,'
    '"frames_crowded":0,"frames_described":,"frames_looked_at":,"frames_lost":0,"glow":,"glow_milliseconds":,"glow_seen":1,'
    '"glow_visible":,"match":,"mouth_calm":,"mouth_most":,"neighbour_least":,"portrait_least":,"sharpness":,'
    '"video_milliseconds":,"yaw_least":-,"yaw_most":},"step":null,"thresholds":{"among":6000,"eyes":,"face_pixels":,'
    '"glow":6000,"lost":,"match":4000,"mouth":,"neighbour":5000,"review":3300,"turn_degrees":},"video_sha256":"'
    '"colours":true,"compared_with":"","gestures":"{\\"format\\":\\"countersign-gestures/1\\",\\"glows\\":[{'
    '\\"at_ms\\":0,\\"colour\\":\\"rose\\"},{\\"at_ms\\":,\\"colour\\":\\"green\\"},\\"colour\\":\\"sky\\"},\\"colour\\":\\"amber\\"}],'
    '\\"length_ms\\":,\\"steps\\":[{\\"action\\":\\"turn_left\\",\\"at_ms\\":},{\\"action\\":\\"turn_right\\",'
    '\\"action\\":\\"open_mouth\\",\\"action\\":\\"close_eyes\\",\\"action\\":\\"blink_twice\\"}]}","judged_at":"'
    '"method":"face","nonce":"","pace":"normal","recorded_at":"","verdict":{"challenge_sha256":"'
    '"kind":"drawn","name":"","strokes":[[[,0,0],[,1000],[,500],"kind":"seal","seal":{"around":"","colour":[204,0,0],'
    '"foot":"","middle":"","shape":"round"}},"passkey_kept_at":null,"passkey_link_channel":"email","passkey_set_up":"this_link",'
    '"passkey_set_up":"another_link","passkey_set_up":"signed_in","passkey_set_up_at":"'
    '"proof":{"authenticator_data":"MFAAAAA","client_data_json":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoi'
    'IiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQ","credential_id":"","method":"passkey","public_key":"pQECAyYgASFYI","rp_id":"'
    '"signature":"MEUCIQD"},"values":{}}'
    '{"evidence_head":"","format":"countersign-act/2","identity":{"level":"contact","link_address_masked":"•••@'
    '"link_address_sha256":"","link_and_code_share_a_channel":false,"link_channel":"email","name_given_by":"sender",'
    '"person_id":null},"level":"document+face+source","intent":"{\\"consent_sha256\\":\\"\\",\\"consent_version\\":\\"'
    '\\",\\"contract_id\\":\\"\\",\\"contract_title\\":\\"\\",\\"document_pages\\":1,\\"document_sha256\\":\\"'
    '\\",\\"expires_at\\":\\"2026-+00:00\\",\\"format\\":\\"countersign-intent/1\\",\\"host\\":\\"'
    '\\",\\"issued_at\\":\\"2026-\\",\\"language\\":\\"en\\",\\"language\\":\\"zh\\",\\"mark_sha256\\":\\"\\",\\"method\\":\\"sms\\",\\"nonce\\":\\"'
    '\\",\\"organisation\\":\\"\\",\\"organisation_identifier\\":\\"\\",\\"signer_id\\":\\"\\",\\"signer_name\\":\\"'
    '\\",\\"signer_role\\":\\"\\",\\"values_sha256\\":\\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    '\\"}","mark":{"face":"auto","kind":"typed","name":""},"proof":{"confirmed_at":"2026-","method":"sms",'
    '"phone_masked":"•••• ","phone_sha256":"","provider_id":"","sent_at":"2026-","tries":1,"verifier":""},"values":{}}'
).encode()


def pack(statement: bytes) -> bytes:
    return VERSION + _deflated(statement)


def _deflated(statement: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=DICTIONARY)
    return packer.compress(statement) + packer.flush()


def unpack(octets: bytes) -> bytes:
    """The statement's JSON, of either format; nothing where it cannot be read."""
    if octets[:1] != VERSION:
        return octets
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS, zdict=DICTIONARY)
    try:
        found = unpacker.decompress(octets[1:], LARGEST + 1)
    except zlib.error:
        return b""
    whole = unpacker.eof and not unpacker.unused_data and len(found) <= LARGEST
    return found if whole else b""
