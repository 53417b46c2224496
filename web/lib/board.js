/**
 * Where fields lie on a page: placing, moving, resizing, snapping, and the way back. No page, no events, no pixels.
 *
 * A box is {x, y, w, h} in ten-thousandths of the displayed page's width and height, from its top left corner, always
 * integers and always inside the page, as bff/core/contract.py has it. `aspect` is the page's width / height.
 */

export const FULL = 10_000;
export const KINDS = ["signature", "date", "text", "checkbox"];
export const GRID = 50;
const SMALLEST = { w: 150, h: 100 };
const POINTS = { signature: [170, 54], date: [100, 22], text: [150, 22], checkbox: [18, 18] };
const PAGE_POINTS = 595;

/** The usual size of a kind of field on a page of this aspect. */
export function usualSize(kind, aspect) {
  const [width, height] = POINTS[kind];
  return {
    w: Math.min(FULL, Math.round((width / PAGE_POINTS) * FULL)),
    h: Math.min(FULL, Math.round((height / PAGE_POINTS) * aspect * FULL)),
  };
}

/** A new box of the usual size centred on (x, y). */
export function place(kind, { x, y }, aspect) {
  const { w, h } = usualSize(kind, aspect);
  return clamp({ x: x - w / 2, y: y - h / 2, w, h });
}

/** The box as integers inside the page; it keeps its size where the page allows. */
export function clamp(box) {
  const w = between(Math.round(box.w), SMALLEST.w, FULL);
  const h = between(Math.round(box.h), SMALLEST.h, FULL);
  return { x: between(Math.round(box.x), 0, FULL - w), y: between(Math.round(box.y), 0, FULL - h), w, h };
}

function between(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

export function move(box, dx, dy) {
  return clamp({ ...box, x: box.x + dx, y: box.y + dy });
}

/** Drags one corner ("nw", "ne", "sw", "se"); the opposite corner stays where it is. */
export function resize(box, corner, dx, dy) {
  const right = box.x + box.w;
  const bottom = box.y + box.h;
  const left = corner.includes("w") ? between(box.x + dx, 0, right - SMALLEST.w) : box.x;
  const top = corner.includes("n") ? between(box.y + dy, 0, bottom - SMALLEST.h) : box.y;
  const farX = corner.includes("e") ? between(right + dx, box.x + SMALLEST.w, FULL) : right;
  const farY = corner.includes("s") ? between(bottom + dy, box.y + SMALLEST.h, FULL) : bottom;
  return clamp({ x: left, y: top, w: farX - left, h: farY - top });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
export const STEP = 100;
export const FINE_STEP = 10;

/** What a key does to a box: arrows move (shift: finely), alt + arrows and + or - resize; null: not a key of ours. */
export function nudge(box, { key, shiftKey = false, altKey = false }) {
  const step = shiftKey && key !== "+" ? FINE_STEP : STEP;
  if (key in ARROWS) {
    const [dx, dy] = ARROWS[key].map((direction) => direction * step);
    return altKey ? resize(box, "se", dx, dy) : move(box, dx, dy);
  }
  if (key === "+" || key === "=") return resize(box, "se", step, Math.round((step * box.h) / box.w));
  if (key === "-") return resize(box, "se", -step, -Math.round((step * box.h) / box.w));
  return null;
}

/**
 * Pulls a moving box to the edges and middles of the others, else to the grid. Returns {box, x, y}: x and y are the
 * lines that it caught (to be shown as guides) or null. `reach` is how far a line pulls, on each axis.
 */
export function snap(box, others, reach = { x: 80, y: 80 }) {
  const x = nearest([box.x, box.x + box.w / 2, box.x + box.w], lines(others, "x", "w"), reach.x);
  const y = nearest([box.y, box.y + box.h / 2, box.y + box.h], lines(others, "y", "h"), reach.y);
  return {
    box: clamp({ ...box, x: x ? box.x + x.by : toGrid(box.x), y: y ? box.y + y.by : toGrid(box.y) }),
    x: x ? x.line : null,
    y: y ? y.line : null,
  };
}

/** Pulls the dragged corner of a box to the others' edges, else to the grid. */
export function snapCorner(box, corner, others, reach = { x: 80, y: 80 }) {
  const edgeX = corner.includes("w") ? box.x : box.x + box.w;
  const edgeY = corner.includes("n") ? box.y : box.y + box.h;
  const x = nearest([edgeX], lines(others, "x", "w"), reach.x);
  const y = nearest([edgeY], lines(others, "y", "h"), reach.y);
  return resize(box, corner, x ? x.by : toGrid(edgeX) - edgeX, y ? y.by : toGrid(edgeY) - edgeY);
}

function lines(others, start, size) {
  return others.flatMap((other) => [other[start], other[start] + other[size] / 2, other[start] + other[size]]);
}

function nearest(edges, targets, reach) {
  let best = null;
  for (const edge of edges) {
    for (const line of targets) {
      const by = line - edge;
      if (Math.abs(by) <= reach && (!best || Math.abs(by) < Math.abs(best.by))) best = { by, line };
    }
  }
  return best;
}

function toGrid(value) {
  return Math.round(value / GRID) * GRID;
}

/** The fields as the server reads them: these names, in this order, nothing else. */
export function serialise(fields) {
  return fields.map(({ id, signer_id, kind, page, x, y, w, h, required, label }) => ({
    id,
    signer_id,
    kind,
    page,
    x,
    y,
    w,
    h,
    required: Boolean(required),
    label: label ?? "",
  }));
}

/** Fields in reading order: by page, from the top, from the start of the line. */
export function inReadingOrder(fields) {
  return [...fields].sort((a, b) => a.page - b.page || a.y - b.y || a.x - b.x || a.id.localeCompare(b.id));
}

/** A step back and a step forward through states that are never changed in place. */
export class History {
  #past = [];
  #future = [];

  constructor(state, { limit = 100 } = {}) {
    this.state = state;
    this.limit = limit;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Takes a new state; what had been undone is forgotten. The same state again changes nothing. */
  push(state) {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.#past = [...this.#past, this.state].slice(-this.limit);
    this.#future = [];
    this.state = state;
  }

  undo() {
    if (!this.canUndo) return this.state;
    this.#future.push(this.state);
    this.state = this.#past.pop();
    return this.state;
  }

  redo() {
    if (!this.canRedo) return this.state;
    this.#past.push(this.state);
    this.state = this.#future.pop();
    return this.state;
  }
}
