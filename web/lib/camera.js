/**
 * What can be decided about a camera without touching it: what to ask for, what to record as, why it did not open, and
 * which part of its picture lies inside a frame on the screen.
 */

/** Sideways on purpose: browsers turn it upright together with the phone. */
export const FACE = { audio: false, video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } } };
export const DOCUMENT = { audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 2560 }, height: { ideal: 1440 } } };

export const RECORDING_BITS_PER_SECOND = 1_500_000;

/** What the server opens, the lightest for phones first: H.264 is made by a chip of its own in most of them. */
const RECORDINGS = [
  "video/mp4;codecs=avc1.42E01E",
  "video/mp4;codecs=avc1",
  "video/webm;codecs=vp9",
  "video/webm;codecs=vp8",
  "video/mp4",
  "video/webm",
];

/** The type to record as, "" when this browser can record none of them. */
export function recordingType(supported) {
  return RECORDINGS.find((type) => supported(type)) ?? "";
}

/** Why a camera did not open: "refused", "missing", "busy", or "failed". */
export function problem(error) {
  const reasons = {
    NotAllowedError: "refused",
    SecurityError: "refused",
    NotFoundError: "missing",
    OverconstrainedError: "missing",
    NotReadableError: "busy",
    AbortError: "busy",
  };
  return reasons[error?.name] ?? "failed";
}

/**
 * The part {x, y, width, height} of a picture that is seen inside `frame`, when the picture fills `view` and what does
 * not fit is cut off (object-fit: cover). All are boxes in pixels; `margin` is a share of the frame, added on each side.
 */
export function within(picture, view, frame, margin = 0) {
  const scale = Math.max(view.width / picture.width, view.height / picture.height);
  const left = view.x + (view.width - picture.width * scale) / 2;
  const top = view.y + (view.height - picture.height * scale) / 2;
  const more = margin * Math.max(frame.width, frame.height);
  const x = Math.max(0, (frame.x - more - left) / scale);
  const y = Math.max(0, (frame.y - more - top) / scale);
  return {
    x,
    y,
    width: Math.min(picture.width, (frame.x + frame.width + more - left) / scale) - x,
    height: Math.min(picture.height, (frame.y + frame.height + more - top) / scale) - y,
  };
}

/** Width and height in whole pixels, the longer at most `longest`; nothing is made larger. */
export function fitted({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
