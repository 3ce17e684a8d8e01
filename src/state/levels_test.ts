import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import { LevelRegistry } from "./levels.ts";

Deno.test("LevelRegistry.allot() gives every pair of categories once, and none that is held", () => {
  const levels = new LevelRegistry(4);
  levels.take("found again", "s0:c3,c0");
  const own = [..."abcde"].map((owner) => levels.allot(owner));
  assert.deepEqual([...own, "s0:c0,c3"].sort(), [
    "s0:c0,c1",
    "s0:c0,c2",
    "s0:c0,c3",
    "s0:c1,c2",
    "s0:c1,c3",
    "s0:c2,c3",
  ]);
  assert.throws(() => levels.allot("f"), (error) => isKind(error, "resourceExhausted"));
  levels.release("c");
  assert.equal(levels.allot("f"), own[2]);
});

Deno.test("LevelRegistry.allot() gives an owner that has a level the same again", () => {
  const levels = new LevelRegistry(1024);
  const level = levels.allot("a");
  assert.match(level, /^s0:c\d+,c\d+$/);
  assert.equal(levels.allot("a"), level);
});

Deno.test("LevelRegistry.release() keeps a level that another holds too", () => {
  const levels = new LevelRegistry(2);
  levels.take("a", "s0:c0,c1");
  levels.take("b", "s0:c0,c1");
  levels.release("a");
  levels.release("a");
  assert.throws(() => levels.allot("c"), (error) => isKind(error, "resourceExhausted"));
  levels.release("b");
  assert.equal(levels.size, 0);
  assert.equal(levels.allot("c"), "s0:c0,c1");
});

Deno.test("LevelRegistry.take() takes levels without categories, and nothing for none", () => {
  const levels = new LevelRegistry(2);
  levels.take("a", "s0");
  levels.take("b", "");
  assert.equal(levels.size, 1);
  assert.equal(levels.allot("c"), "s0:c0,c1");
});
