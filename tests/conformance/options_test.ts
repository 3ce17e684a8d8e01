import assert from "node:assert/strict";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() gives defaults where nothing is said", () => {
  assert.deepEqual(parseOptions([]), {
    focus: "",
    skip: "",
    parallel: 1,
    containerd: "1.6",
    websocket: false,
    out: "",
    socket: "",
    seed: "",
  });
});

Deno.test("parseOptions() takes values behind a blank and behind an equals sign", () => {
  const options = parseOptions(["--focus", "port (mapping|forward)", "--containerd=2.3"]);
  assert(options !== "help");
  assert.equal(options.focus, "port (mapping|forward)");
  assert.equal(options.containerd, "2.3");
});

for (
  const [args, said] of [
    [["--containerd", "1.7"], /1\.6 or 2\.3, not "1\.7"/],
    [["--parallel", "0"], /from 1 to 99, not "0"/],
    [["--seed", "x"], /a number, not "x"/],
    [["--fokus", "x"], /--fokus/],
    [["words"], /words/],
  ] as const
) {
  Deno.test(`parseOptions() refuses ${args.join(" ")}`, () => {
    assert.throws(() => parseOptions(args), said);
  });
}
