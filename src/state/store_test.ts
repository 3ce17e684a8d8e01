import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import { RecordStore } from "./store.ts";

interface Thing {
  readonly id: string;
  readonly size: number;
}

function store(...ids: string[]): RecordStore<string, Thing> {
  const things = new RecordStore<string, Thing>("thing");
  for (const id of ids) things.add({ id, size: 0 });
  return things;
}

Deno.test("RecordStore resolves an id by its beginning, if only one begins so", () => {
  const things = store("abc1", "abd2");
  assert.equal(things.resolve("abc")?.id, "abc1");
  assert.equal(things.resolve("x"), undefined);
  assert.equal(things.resolve(""), undefined);
  assert.throws(() => things.resolve("ab"), (error) => isKind(error, "invalidArgument"));
  assert.throws(() => things.get("x"), (error) => isKind(error, "notFound"));
});

Deno.test("RecordStore replaces the object with each change and grows its version", () => {
  const things = store("a");
  const before = things.get("a");
  const version = things.version;
  things.update("a", { size: 7 });
  assert.equal(before.size, 0);
  assert.equal(things.get("a").size, 7);
  assert.ok(things.version > version);
  assert.equal(things.update("gone", { size: 1 }), undefined);
});

Deno.test("RecordStore tells its listeners what was and what is", () => {
  const things = store();
  const seen: [number | undefined, number | undefined][] = [];
  const stop = things.onChange((before, after) => seen.push([before?.size, after?.size]));
  things.add({ id: "a", size: 1 });
  things.update("a", { size: 2 });
  things.delete("a");
  things.delete("a");
  stop();
  things.add({ id: "b", size: 3 });
  assert.deepEqual(seen, [[undefined, 1], [1, 2], [2, undefined]]);
});
