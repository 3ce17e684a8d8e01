import assert from "node:assert/strict";
import { skipUnless } from "../../tests/world/skip.ts";
import { defaultApparmorProfile } from "../oci/apparmor_default.ts";
import { loadApparmorProfile } from "./apparmor.ts";

/** A folder with a parser of the test's own. */
async function parser(script: string): Promise<{ dir: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ prefix: "cri-apparmor-" });
  await Deno.writeTextFile(`${dir}/apparmor_parser`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("loadApparmorProfile() hands the default profile to the parser (no AppArmor here: a fake)", async () => {
  await using fake = await parser('cat > "$0.text"; echo "$@" > "$0.args"');
  await loadApparmorProfile(["/nowhere", fake.dir]);
  const read = (name: string) => Deno.readTextFile(`${fake.dir}/apparmor_parser.${name}`);
  assert.equal(await read("text"), defaultApparmorProfile());
  assert.equal(await read("args"), "--replace\n");
});

Deno.test("loadApparmorProfile() lets the daemon start without a parser, or with one that fails", async () => {
  await loadApparmorProfile(["/nowhere"]);
  await using failing = await parser("exit 1");
  await loadApparmorProfile([failing.dir]);
});

const REAL = "/usr/sbin/apparmor_parser";
const hasParser = await Deno.stat(REAL).then(() => true, () => false);

Deno.test({
  ...skipUnless(hasParser, "no apparmor_parser here")("the parser takes the default profile"),
  fn: async () => {
    const child = new Deno.Command(REAL, {
      args: ["--skip-kernel-load", "--skip-cache"],
      stdin: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(defaultApparmorProfile()));
    await writer.close();
    const { success, stderr } = await child.output();
    assert.ok(success, new TextDecoder().decode(stderr));
  },
});
