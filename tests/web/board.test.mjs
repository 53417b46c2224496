import assert from "node:assert/strict";
import { test } from "node:test";

import * as board from "../../web/lib/board.js";

const BOX = { x: 1000, y: 2000, w: 2000, h: 600 };

function assertInside({ x, y, w, h }) {
  for (const value of [x, y, w, h]) assert.ok(Number.isInteger(value));
  assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= board.FULL && y + h <= board.FULL);
}

test("a field placed at the very edge lies inside the page", () => {
  for (const kind of board.KINDS) {
    for (const at of [{ x: 0, y: 0 }, { x: board.FULL, y: board.FULL }, { x: -500, y: 20_000 }]) {
      assertInside(board.place(kind, at, 595 / 842));
    }
  }
});

test("a checkbox is square on any page", () => {
  for (const aspect of [595 / 842, 842 / 595, 1]) {
    const { w, h } = board.usualSize("checkbox", aspect);
    assert.ok(Math.abs(w - h / aspect) < 2, `aspect ${aspect}: ${w} ${h}`);
  }
});

test("moving stops at the edges and keeps the size", () => {
  assert.deepEqual(board.move(BOX, -9000, -9000), { ...BOX, x: 0, y: 0 });
  assert.deepEqual(board.move(BOX, 99_999, 99_999), { ...BOX, x: 8000, y: 9400 });
});

test("resizing by a corner leaves the opposite corner alone, however far it is dragged", () => {
  const corners = { nw: [3000, 2600], ne: [1000, 2600], sw: [3000, 2000], se: [1000, 2000] };
  for (const [corner, fixed] of Object.entries(corners)) {
    for (const [dx, dy] of [[120, -80], [-700, 300], [50_000, 50_000], [-50_000, -50_000]]) {
      const box = board.resize(BOX, corner, dx, dy);
      assertInside(box);
      assert.equal(corner.includes("w") ? box.x + box.w : box.x, fixed[0], `${corner} ${dx}`);
      assert.equal(corner.includes("n") ? box.y + box.h : box.y, fixed[1], `${corner} ${dy}`);
    }
  }
});

test("arrows move, shift moves finely, alt resizes, other keys do nothing", () => {
  assert.equal(board.nudge(BOX, { key: "ArrowRight" }).x, 1000 + board.STEP);
  assert.equal(board.nudge(BOX, { key: "ArrowUp", shiftKey: true }).y, 2000 - board.FINE_STEP);
  assert.equal(board.nudge(BOX, { key: "ArrowDown", altKey: true }).h, 600 + board.STEP);
  assert.ok(board.nudge(BOX, { key: "+", shiftKey: true }).w === 2000 + board.STEP);
  assert.ok(board.nudge(BOX, { key: "-" }).w < 2000);
  assert.equal(board.nudge(BOX, { key: "a" }), null);
});

test("a box near another's edge is pulled onto it, and one far away onto the grid", () => {
  const other = { x: 5000, y: 5000, w: 1000, h: 500 };
  const near = board.snap({ ...BOX, x: 5030, y: 4990 }, [other]);
  assert.deepEqual([near.box.x, near.box.y, near.x, near.y], [5000, 5000, 5000, 5000]);
  const far = board.snap({ ...BOX, x: 1012, y: 2030 }, [other]);
  assert.deepEqual([far.box.x, far.box.y, far.x, far.y], [1000, 2050, null, null]);
});

test("the nearest of several lines wins", () => {
  const others = [{ x: 1060, y: 0, w: 100, h: 100 }, { x: 1020, y: 0, w: 100, h: 100 }];
  assert.equal(board.snap({ x: 1010, y: 4000, w: 333, h: 100 }, others).box.x, 1020);
});

test("a dragged corner is pulled to another's edge", () => {
  const box = board.snapCorner({ x: 1000, y: 1000, w: 1970, h: 400 }, "se", [{ x: 3000, y: 5000, w: 900, h: 300 }]);
  assert.equal(box.x + box.w, 3000);
  assert.equal(box.x, 1000);
});

test("only the names that the server knows are sent", () => {
  const [sent] = board.serialise([{ id: "f1", signer_id: "s", kind: "date", page: 2, ...BOX, selected: true }]);
  assert.deepEqual(sent, { id: "f1", signer_id: "s", kind: "date", page: 2, ...BOX, required: false, label: "" });
});

test("reading order is by page, from the top, from the left", () => {
  const fields = [["c", 2, 0, 0], ["b", 1, 900, 100], ["a", 1, 100, 100], ["z", 1, 0, 50]];
  const order = board.inReadingOrder(fields.map(([id, page, x, y]) => ({ id, page, x, y })));
  assert.deepEqual(order.map(({ id }) => id), ["z", "a", "b", "c"]);
});

test("undo and redo walk the same way back and forth, and a new change forgets what was undone", () => {
  const history = new board.History([]);
  history.push([1]);
  history.push([1, 2]);
  assert.deepEqual(history.undo(), [1]);
  assert.deepEqual(history.undo(), []);
  assert.equal(history.canUndo, false);
  assert.deepEqual(history.redo(), [1]);
  history.push([9]);
  assert.equal(history.canRedo, false);
  assert.deepEqual(history.undo(), [1]);
});

test("the same state again is not a step", () => {
  const history = new board.History([{ id: "a", x: 1 }]);
  history.push([{ id: "a", x: 1 }]);
  assert.equal(history.canUndo, false);
});

test("history is bounded", () => {
  const history = new board.History(0, { limit: 3 });
  for (let i = 1; i <= 10; i += 1) history.push(i);
  while (history.canUndo) history.undo();
  assert.equal(history.state, 7);
});
