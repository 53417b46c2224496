/**
 * Whether a photograph of a document will be readable, told from a few thousand pixels before it is taken.
 *
 * A picture here is {values, width, height}: luminance from 0 to 255, row by row. Hints only: the server reads what it
 * gets, and a person may always take the picture anyway.
 */

const DARK_MEAN = 55;
const WHITE = 250;
const GLARE_SHARE = 0.012;
/** Of the picture, in one blot: print and paper are white in many small places, a lamp's mirror image in one. */
const BLOT_CELLS = 24;
const BLURRED_BELOW = 0.31;
const CONTRAST_LEAST = 12;
const EDGE_LEVELS = 14;
const STRONG_LEVELS = 36;
const EMPTY_SHARE = 0.004;
const FILLS_LEAST = 0.62;

/** The luminance (BT.601) of RGBA bytes. */
export function luminance(rgba, width, height) {
  const values = new Uint8ClampedArray(width * height);
  for (let n = 0; n < values.length; n += 1) {
    values[n] = (77 * rgba[4 * n] + 150 * rgba[4 * n + 1] + 29 * rgba[4 * n + 2] + 128) >> 8;
  }
  return { values, width, height };
}

/**
 * The most important thing to do better, or "" when nothing is: "dark", "glare", "far", "blur".
 * `whole` is what the frame shows, made small; `near` its middle in the camera's own pixels, where blur can be told.
 */
export function hint(whole, near) {
  if (mean(whole) < DARK_MEAN) return "dark";
  if (glare(whole) > GLARE_SHARE) return "glare";
  if (filled(whole) < FILLS_LEAST) return "far";
  if (blurred(near ?? whole)) return "blur";
  return "";
}

export function mean({ values }) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / Math.max(1, values.length);
}

/** The share of the picture that the largest burnt-out blot covers. */
export function glare({ values, width, height }) {
  const cell = Math.max(1, Math.floor(Math.min(width, height) / BLOT_CELLS));
  const across = Math.floor(width / cell);
  const down = Math.floor(height / cell);
  const burnt = new Uint8Array(across * down);
  for (let y = 0; y < down; y += 1) {
    for (let x = 0; x < across; x += 1) burnt[y * across + x] = cellBurnt(values, width, x * cell, y * cell, cell);
  }
  if (!burnt.includes(0)) return 0; // all of it is white: that is paper, or no picture at all
  return (largestPatch(burnt, across) * cell * cell) / (width * height);
}

function cellBurnt(values, width, left, top, cell) {
  for (let y = top; y < top + cell; y += 1) {
    for (let x = left; x < left + cell; x += 1) if (values[y * width + x] < WHITE) return 0;
  }
  return 1;
}

/** How many cells the largest group of neighbours has. Clears `cells`. */
function largestPatch(cells, across) {
  let largest = 0;
  for (let start = 0; start < cells.length; start += 1) {
    if (!cells[start]) continue;
    cells[start] = 0;
    const waiting = [start];
    let size = 0;
    while (waiting.length) {
      const at = waiting.pop();
      size += 1;
      for (const next of neighbours(at, across, cells.length)) {
        if (cells[next]) {
          cells[next] = 0;
          waiting.push(next);
        }
      }
    }
    largest = Math.max(largest, size);
  }
  return largest;
}

function neighbours(at, across, length) {
  const x = at % across;
  return [x > 0 ? at - 1 : at, x < across - 1 ? at + 1 : at, Math.max(at - across, at % across), at + across < length ? at + across : at];
}

/**
 * Whether the finest detail is missing: a blurred picture changes little from one pixel to the next, compared with how
 * it changes over several, or it has no edges left at all. A picture with nothing on it is not blurred.
 */
export function blurred(picture) {
  const fine = fineness(picture);
  return fine === null ? deviation(picture) >= CONTRAST_LEAST : fine < BLURRED_BELOW;
}

/**
 * The steepest step of one pixel against that of six, over the strong edges, two rows at a time because of noise: 1 for
 * an edge in one step, 0.17 for a ramp. null: there are no strong edges.
 */
export function fineness({ values, width, height }) {
  let near = 0;
  let far = 0;
  let edges = 0;
  for (let y = 0; y + 1 < height; y += 2) {
    const row = Array.from({ length: width }, (_, x) => (values[y * width + x] + values[(y + 1) * width + x]) / 2);
    for (let x = 3; x + 3 < width; x += 1) {
      const over = Math.abs(row[x + 3] - row[x - 3]);
      if (over < STRONG_LEVELS) continue;
      edges += 1;
      far += over;
      near += Math.min(over, steepest(row, x));
    }
  }
  return edges < values.length * EMPTY_SHARE ? null : near / far;
}

function steepest(row, x) {
  let most = 0;
  for (let n = x - 3; n < x + 3; n += 1) most = Math.max(most, Math.abs(row[n + 1] - row[n]));
  return most;
}

function deviation(picture) {
  const middle = mean(picture);
  let squares = 0;
  for (const value of picture.values) squares += (value - middle) ** 2;
  return Math.sqrt(squares / Math.max(1, picture.values.length));
}

/**
 * How much of the picture's longer side the detail in it reaches across: a document that lies far away leaves the table
 * around it empty. On a table full of detail, or with nothing in sight, it cannot be told, and nothing is said: 1.
 */
export function filled({ values, width, height }) {
  const columns = new Float64Array(width);
  const rows = new Float64Array(height);
  let total = 0;
  for (let y = 1; y < height; y += 1) {
    for (let x = 1; x < width; x += 1) {
      const at = y * width + x;
      const step = Math.max(Math.abs(values[at] - values[at - 1]), Math.abs(values[at] - values[at - width]));
      if (step < EDGE_LEVELS) continue;
      columns[x] += 1;
      rows[y] += 1;
      total += 1;
    }
  }
  if (total < width * height * EMPTY_SHARE) return 1;
  return Math.max(reach(columns, total), reach(rows, total));
}

/** The share between the first and the last two hundredths of what there is. */
function reach(counts, total) {
  let seen = 0;
  let first = 0;
  let last = counts.length - 1;
  for (let n = 0; n < counts.length; n += 1) {
    if (seen <= 0.02 * total) first = n;
    if (seen < 0.98 * total) last = n;
    seen += counts[n];
  }
  return (last - first + 1) / counts.length;
}
