import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { lineOf, locateKeys } from "./locate.ts";

const TEXT = `# comment with [brackets] and a = 1
root = "/a" # behind
list = [
  "x", # ] no end
  "[",
]
[ log ]
level = '''
[not.a.table]
key = 1'''
"quoted key" = 1
dotted.inner.last = true
inline = { a = 1, b = { c = [1, 2] } }

[containerd.runtimes."with.dot"]
type = """
several
lines\\""" = "
"""
[containerd]
managed = true
[[many]]
a = 1
`;

for (
  const [path, line] of [
    [["root"], 2],
    [["list"], 3],
    [["log"], 7],
    [["log", "level"], 8],
    [["log", "quoted key"], 11],
    [["log", "dotted"], 12],
    [["log", "dotted", "inner", "last"], 12],
    [["log", "inline", "b", "c"], 13],
    [["containerd", "runtimes", "with.dot"], 15],
    [["containerd", "runtimes", "with.dot", "type"], 16],
    [["containerd"], 20],
    [["containerd", "managed"], 21],
    [["many", "a"], 23],
    [["nowhere"], 0],
    [["not", "a", "table"], 0],
  ] as const
) {
  Deno.test(`lineOf() finds ${path.join(".")} on line ${line}`, () => {
    assert.equal(lineOf(locateKeys(TEXT), path), line);
  });
}

Deno.test("locateKeys() is tried on text that the parser accepts", () => {
  assert.doesNotThrow(() => parse(TEXT));
});

Deno.test("locateKeys() ends on any text", () => {
  for (
    const text of ["", "=", "[", '"', "a", "a = ", "[[", "a = '''", 'a = [ "', "\uFEFFa=1\r\nb=2"]
  ) {
    assert.ok(locateKeys(text) instanceof Map);
  }
  assert.equal(lineOf(locateKeys("\uFEFFa=1\r\nb=2\r\n"), ["b"]), 2);
});
