/**
 * A challenge as time goes by: what to ask for, which colour to show, how much of it is over.
 *
 * The challenge is the server's (bff/core/gestures.py): {length_ms, steps: [{action, at_ms}], glows: [{colour, at_ms}]},
 * counted from the recording's first frame. Left and right are the person's own, and so are the arrows: the preview is a
 * mirror, in which one's own left is on the left.
 */

/** sRGB, as the judge expects them; a test compares both lists. */
export const COLOURS = {
  rose: [255, 150, 190],
  green: [60, 205, 90],
  sky: [90, 190, 255],
  amber: [245, 175, 40],
};

/** How much longer than its challenge a recording lasts: the last frames take their time to arrive. */
export const TAIL_MS = 300;

/** What is on the screen `ms` after the first frame: {action or "look", number (0: none yet), glow (or ""), share, over}. */
export function moment(challenge, ms) {
  const { steps, glows, length_ms: length } = challenge;
  const number = steps.filter((step) => step.at_ms <= ms).length;
  const glow = glows.filter(({ at_ms: at }) => at <= ms).at(-1);
  return {
    action: number ? steps[number - 1].action : "look",
    number,
    glow: glow && ms < length ? glow.colour : "",
    share: Math.min(1, Math.max(0, ms / length)),
    over: ms >= length + TAIL_MS,
  };
}

/** A colour for CSS; none for "". */
export function css(colour) {
  return COLOURS[colour] ? `rgb(${COLOURS[colour].join(" ")})` : "";
}
