import assert from "node:assert/strict";
import type { ContainerView } from "../cri/node_view.ts";
import { findContainer, logBytes } from "./container_log.ts";
import { contentOf, LogLines } from "./log_lines.ts";

const T = "2026-11-25T01:02:03.000000004Z";
const NOT_RUNNING = { isRunning: () => Promise.resolve(false) };
const { signal } = new AbortController();

async function shown(text: string, o: object = {}): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    const parts = await Array.fromAsync(logBytes(path, { ...NOT_RUNNING, ...o }, signal));
    return new TextDecoder().decode(await new Blob(parts.map((one) => one.slice())).arrayBuffer());
  } finally {
    await Deno.remove(path);
  }
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, n) => `${T} stdout F ${n + 1}\n`).join("");

Deno.test("a log is shown as it was written, parts of a line as one", async () => {
  const log = `${T} stdout F one\n${T} stderr P tw\n${T} stderr F o\n${T} stdout F \n`;
  assert.equal(await shown(log), "one\ntwo\n\n");
  assert.equal(
    await shown(log, { timestamps: true }).then((text) => text.split("\n")[0]),
    `${T} one`,
  );
});

for (
  const [tail, first] of [[0, ""], [1, "30000"], [3, "29998"], [20_000, "10001"], [
    99_999,
    "1",
  ]] as const
) {
  Deno.test(`--tail ${tail} begins where that many lines are left, over blocks that are read`, async () => {
    const lines = (await shown(numbered(30_000), { tail })).split("\n");
    assert.equal(lines[0], first);
    assert.equal(lines.length - 1, Math.min(tail, 30_000));
  });
}

Deno.test("an empty log shows nothing, with or without --tail", async () => {
  assert.deepEqual([await shown(""), await shown("", { tail: 5 })], ["", ""]);
});

Deno.test("--follow goes on in the file that takes the path over, and ends with the container", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/0.log`;
  await Deno.writeTextFile(path, numbered(2));
  let asked = 0;
  // What the container does between two looks.
  const isRunning = async () => {
    asked++;
    if (asked === 2) {
      await Deno.writeTextFile(path, `${T} stdout F old\n`, { append: true });
      await Deno.rename(path, `${path}.1`);
      await Deno.writeTextFile(path, `${T} stdout F new\n`);
    }
    if (asked === 4) await Deno.writeTextFile(path, `${T} stdout F last\n`, { append: true });
    return asked < 4;
  };
  const parts = await Array.fromAsync(logBytes(path, { follow: true, isRunning }, signal));
  const text = parts.map((one) => new TextDecoder().decode(one)).join("");
  assert.equal(text, "1\n2\nold\nnew\nlast\n");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("LogLines gives the same lines however they are cut", () => {
  const bytes = new TextEncoder().encode(numbered(20));
  for (const size of [1, 7, 64, 1000]) {
    const lines = new LogLines();
    const all: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const line of lines.add(bytes.subarray(at, at + size))) {
        all.push(new TextDecoder().decode(contentOf(line, false)));
      }
    }
    assert.equal(all.join(""), Array.from({ length: 20 }, (_, n) => `${n + 1}\n`).join(""));
  }
});

function view(more: Partial<ContainerView>): ContainerView {
  return {
    id: "aaaa1",
    name: "main",
    podId: "p",
    pod: "shop/web",
    image: "",
    state: "running",
    attempt: 0,
    createdAtNs: 0n,
    ...more,
  };
}

Deno.test("findContainer() takes ids, names and pods' names, and of several the one that runs", () => {
  const all = [
    view({}),
    view({ id: "aaaa2", pod: "shop/db" }),
    view({ id: "bbbb1", name: "old", state: "exited" }),
    view({ id: "bbbb2", name: "old" }),
  ];
  assert.equal(findContainer(all, "aaaa2").id, "aaaa2");
  assert.equal(findContainer(all, "db/main").id, "aaaa2");
  assert.equal(findContainer(all, "shop/web/main").id, "aaaa1");
  assert.equal(findContainer(all, "old").id, "bbbb2");
  assert.throws(() => findContainer(all, "main"), /shop\/web\/main \(aaaa1\), shop\/db\/main/);
  assert.throws(() => findContainer(all, "nothing"), { kind: "notFound" });
});
