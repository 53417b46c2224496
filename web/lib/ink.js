/**
 * Ink: pen strokes as vectors, and the geometry that draws them. Knows no page: a canvas context is an argument.
 *
 * A stroke is a list of points [x, y, t, pressure]: x and y in thousandths of the pad's height, t in ms since the first
 * point of the drawing, pressure 0..1000 (500 where the device does not say). All are integers, so the server hashes the
 * same bytes that were drawn. The limits are those of bff/core/mark.py, which has the last word.
 */

export const SMALLEST_INK = 250;
export const MAX_POINTS = 12_000;
export const UNKNOWN_PRESSURE = 500;
const FARTHEST = 20_000;
const LONGEST_MS = 3_600_000;
const CLOSEST = 3;

/** Total pen travel in thousandths of the pad's height. */
export function travel(strokes) {
  let total = 0;
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i += 1) {
      total += Math.hypot(stroke[i][0] - stroke[i - 1][0], stroke[i][1] - stroke[i - 1][1]);
    }
  }
  return total;
}

/** True when the drawing is too small to be a signature. */
export function isDot(strokes) {
  return travel(strokes) < SMALLEST_INK;
}

export function countPoints(strokes) {
  return strokes.reduce((sum, stroke) => sum + stroke.length, 0);
}

/** A point in pad units from pixels; `height` is the pad's height in the same pixels. */
export function point({ x, y, height, ms, pressure, pointerType }) {
  return [
    within(Math.round((x / height) * 1000), -FARTHEST, FARTHEST),
    within(Math.round((y / height) * 1000), -FARTHEST, FARTHEST),
    within(Math.round(ms), 0, LONGEST_MS),
    pressureOf(pressure, pointerType),
  ];
}

/** A mouse always says 0.5 and many screens 0 or 1: only a value in between was measured. */
function pressureOf(pressure, pointerType) {
  const measured = pointerType !== "mouse" && pressure > 0 && pressure < 1;
  return measured ? Math.round(pressure * 1000) : UNKNOWN_PRESSURE;
}

function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** Whether `next` adds anything to the stroke: points that nearly coincide only make the drawing larger. */
export function adds(stroke, next) {
  const last = stroke.at(-1);
  return !last || Math.hypot(next[0] - last[0], next[1] - last[1]) >= CLOSEST;
}

/** What the hidden input carries; empty while there is nothing that the server would take. */
export function toMark(strokes) {
  return isDot(strokes) ? "" : JSON.stringify({ kind: "drawn", strokes });
}

/** Strokes from a stored or served mark; anything unexpected gives no strokes. */
export function fromMark(text) {
  try {
    const strokes = JSON.parse(text).strokes;
    return Array.isArray(strokes) && strokes.every(isStroke) && countPoints(strokes) <= MAX_POINTS ? strokes : [];
  } catch {
    return [];
  }
}

function isStroke(stroke) {
  return Array.isArray(stroke) && stroke.every((p) => Array.isArray(p) && p.length === 4 && p.every(Number.isInteger));
}

/** The latest time in the drawing: a drawing that is continued after a reload goes on from here. */
export function lastMoment(strokes) {
  return strokes.reduce((latest, stroke) => Math.max(latest, stroke.at(-1)?.[2] ?? 0), 0);
}

/**
 * How to show strokes on a pad of this aspect (width / height): as they are when they fit, else shrunk and centred.
 * A pad that was turned upright therefore still shows the whole signature. Units are pad thousandths.
 */
export function placement(strokes, aspect) {
  const box = bounds(strokes);
  const width = aspect * 1000;
  if (!box || (box.left >= 0 && box.top >= 0 && box.right <= width && box.bottom <= 1000)) {
    return { scale: 1, dx: 0, dy: 0 };
  }
  const margin = 40;
  const scale = Math.min(
    1,
    (width - 2 * margin) / Math.max(1, box.right - box.left),
    (1000 - 2 * margin) / Math.max(1, box.bottom - box.top),
  );
  return {
    scale,
    dx: (width - (box.left + box.right) * scale) / 2,
    dy: (1000 - (box.top + box.bottom) * scale) / 2,
  };
}

/** How to show strokes as large as they fit a picture of this aspect: a preview is of the mark, not of the pad. */
export function fitted(strokes, aspect, margin = 60) {
  const box = bounds(strokes);
  if (!box) return { scale: 1, dx: 0, dy: 0 };
  const width = aspect * 1000;
  const scale = Math.min(
    (width - 2 * margin) / Math.max(1, box.right - box.left),
    (1000 - 2 * margin) / Math.max(1, box.bottom - box.top),
  );
  return { scale, dx: (width - (box.left + box.right) * scale) / 2, dy: (1000 - (box.top + box.bottom) * scale) / 2 };
}

/** The smallest box around the strokes, or null. */
export function bounds(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}

/** Undoes `placement`: where a pixel on the shown pad lies in the stored drawing. */
export function unplaced([x, y, t, pressure], { scale, dx, dy }) {
  return [Math.round((x - dx) / scale), Math.round((y - dy) / scale), t, pressure];
}

const BROAD = 26;
const FINE = 9;
const FAST = 5;
const INERTIA = 0.72;

/** Pen width at each point, in pad thousandths: slow and pressed is broad, fast is fine, and it changes gently. */
export function widths(stroke) {
  let width = (BROAD + FINE) / 2;
  return stroke.map((current, i) => {
    const before = stroke[i - 1];
    if (before) {
      const ms = Math.max(1, current[2] - before[2]);
      const speed = Math.hypot(current[0] - before[0], current[1] - before[1]) / ms;
      const wanted = FINE + (BROAD - FINE) * (1 - Math.min(1, speed / FAST)) * (0.5 + current[3] / 1000);
      width = width * INERTIA + wanted * (1 - INERTIA);
    }
    return width;
  });
}

/**
 * The stroke as quadratic curves through the midpoints of its points, each with the width of its pen:
 * {x0, y0, cx, cy, x1, y1, width}. A single point becomes a curve of no length: a round dot of ink.
 */
export function curves(stroke) {
  const width = widths(stroke);
  if (stroke.length === 1) {
    const [x, y] = stroke[0];
    return [{ x0: x, y0: y, cx: x, cy: y, x1: x, y1: y, width: width[0] }];
  }
  const result = [];
  let [x0, y0] = stroke[0];
  for (let i = 1; i < stroke.length; i += 1) {
    const [cx, cy] = stroke[i - 1];
    const last = i === stroke.length - 1;
    const x1 = last ? stroke[i][0] : (cx + stroke[i][0]) / 2;
    const y1 = last ? stroke[i][1] : (cy + stroke[i][1]) / 2;
    result.push({ x0, y0, cx, cy, x1, y1, width: width[i] });
    x0 = x1;
    y0 = y1;
  }
  return result;
}

/** Draws the strokes; `height` is the pad's height in the context's pixels, `place` comes from `placement`. */
export function paint(context, strokes, { height, place }) {
  const unit = (height / 1000) * place.scale;
  const x = (value) => value * unit + (place.dx * height) / 1000;
  const y = (value) => value * unit + (place.dy * height) / 1000;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const stroke of strokes) {
    for (const curve of curves(stroke)) {
      context.lineWidth = curve.width * unit;
      context.beginPath();
      context.moveTo(x(curve.x0), y(curve.y0));
      context.quadraticCurveTo(x(curve.cx), y(curve.cy), x(curve.x1), y(curve.y1));
      context.stroke();
    }
  }
}
