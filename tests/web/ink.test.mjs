import assert from "node:assert/strict";
import { test } from "node:test";

import * as ink from "../../web/lib/ink.js";

const LINE = [[0, 500, 0, 500], [300, 500, 40, 500], [600, 400, 80, 500]];

test("a dot is refused and a line of the smallest length is not", () => {
  assert.equal(ink.isDot([]), true);
  assert.equal(ink.isDot([[[10, 10, 0, 500]]]), true);
  assert.equal(ink.isDot([[[0, 0, 0, 500], [249, 0, 9, 500]]]), true);
  assert.equal(ink.isDot([[[0, 0, 0, 500], [250, 0, 9, 500]]]), false);
});

test("lifting the pen is not travel", () => {
  assert.equal(ink.travel([[[0, 0, 0, 500], [10, 0, 5, 500]], [[900, 0, 9, 500], [910, 0, 12, 500]]]), 20);
});

test("points are integers in thousandths of the pad's height, inside the server's limits", () => {
  const pen = { x: 50.4, y: 100, height: 200, ms: 12.6, pressure: 0.25, pointerType: "pen" };
  assert.deepEqual(ink.point(pen), [252, 500, 13, 250]);
  const far = ink.point({ ...pen, x: 1e9, y: -1e9, ms: 1e12 });
  assert.deepEqual(far.slice(0, 3), [20_000, -20_000, 3_600_000]);
});

test("pressure that no device measured is the middle", () => {
  const at = (pressure, pointerType) => ink.point({ x: 0, y: 0, height: 1, ms: 0, pressure, pointerType })[3];
  assert.deepEqual([at(0.5, "mouse"), at(0, "touch"), at(1, "touch"), at(0.8, "pen")], [500, 500, 500, 800]);
});

test("a mark goes to text and back unchanged, and a dot is no mark", () => {
  assert.deepEqual(ink.fromMark(ink.toMark([LINE])), [LINE]);
  assert.deepEqual(JSON.parse(ink.toMark([LINE])), { kind: "drawn", strokes: [LINE] });
  assert.equal(ink.toMark([[[1, 1, 0, 500]]]), "");
});

test("what is not a mark gives no strokes", () => {
  for (const text of ["", "null", "[]", "{}", '{"strokes":[[[1,2,3]]]}', '{"strokes":[[[1,2,3,0.5]]]}', '{"strokes":"x"}']) {
    assert.deepEqual(ink.fromMark(text), [], text);
  }
});

test("a drawing that fits stays where it is, and one that does not is shrunk into view", () => {
  assert.deepEqual(ink.placement([LINE], 1), { scale: 1, dx: 0, dy: 0 });
  const wide = [[[0, 500, 0, 500], [4000, 500, 90, 500]]];
  const { scale, dx } = ink.placement(wide, 1);
  assert.ok(scale < 1 && dx >= 0 && dx + 4000 * scale <= 1000);
});

test("a point drawn on a shrunk pad lands where the finger was", () => {
  const place = { scale: 0.25, dx: 40, dy: 375 };
  const stored = [1600, 500, 7, 500];
  const shown = [stored[0] * place.scale + place.dx, stored[1] * place.scale + place.dy, 7, 500];
  assert.deepEqual(ink.unplaced(shown, place), stored);
});

test("slow ink is broader than fast ink and changes gently", () => {
  const stroke = (ms) => Array.from({ length: 20 }, (_, i) => [i * 30, 0, i * ms, 500]);
  const slow = ink.widths(stroke(40));
  const fast = ink.widths(stroke(4));
  assert.ok(slow.at(-1) > fast.at(-1) * 1.5);
  for (let i = 1; i < slow.length; i += 1) assert.ok(Math.abs(slow[i] - slow[i - 1]) < 6);
});

test("curves join, begin at the first point and end at the last", () => {
  const curves = ink.curves(LINE);
  assert.deepEqual([curves[0].x0, curves[0].y0], [0, 500]);
  assert.deepEqual([curves.at(-1).x1, curves.at(-1).y1], [600, 400]);
  assert.deepEqual([curves[1].x0, curves[1].y0], [curves[0].x1, curves[0].y1]);
});

test("a drawing that is continued goes on from its last moment", () => {
  assert.equal(ink.lastMoment([LINE, [[1, 1, 70, 500]]]), 80);
  assert.equal(ink.lastMoment([]), 0);
});

test("a preview shows the mark as large as it fits, in its middle", () => {
  const small = [[[100, 100, 0, 500], [200, 150, 10, 500]]];
  const { scale, dx, dy } = ink.fitted(small, 3, 60);
  assert.ok(scale > 10, String(scale));
  const [left, right, top, bottom] = [100 * scale + dx, 200 * scale + dx, 100 * scale + dy, 150 * scale + dy];
  assert.ok(left >= 60 && right <= 2940 && top >= 60 - 1 && bottom <= 940 + 1, `${left} ${right} ${top} ${bottom}`);
  assert.ok(Math.abs(left + right - 3000) < 1 && Math.abs(top + bottom - 1000) < 1);
  assert.deepEqual(ink.fitted([], 3), { scale: 1, dx: 0, dy: 0 });
});
