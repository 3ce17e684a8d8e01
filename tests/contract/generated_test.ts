/** src/gen is what proto/ makes; nobody edits it. */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";
import { skipUnless } from "../world/skip.ts";
import { ownDescriptors } from "./sources.ts";

const descriptors = await ownDescriptors();
const because = "because" in descriptors ? descriptors.because : undefined;

Deno.test({
  ...skipUnless(because === undefined, because ?? "")("src/gen is what `deno task gen` makes"),
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "cri-gen-" });
    try {
      for (const file of ["deno.json", "deno.lock"]) {
        await Deno.copyFile(`${ROOT}${file}`, `${dir}/${file}`);
      }
      await copyFolder(`${ROOT}proto`, `${dir}/proto`);
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["task", "gen"],
        cwd: dir,
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const [own, made] = [await texts(`${ROOT}src/gen`), await texts(`${dir}/src/gen`)];
      assert.ok(made.size > 20);
      assert.deepEqual([...own.keys()].sort(), [...made.keys()].sort());
      const changed = [...made].filter(([name, text]) => own.get(name) !== text);
      assert.deepEqual(changed.map(([name]) => name), [], "run ./dev gen");
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Every file under a folder, by its path in it. */
async function texts(folder: string, inside = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${inside}`)) {
    const path = `${inside}${name}`;
    if (!isDirectory) found.set(path, await Deno.readTextFile(`${folder}/${path}`));
    else for (const [name, text] of await texts(folder, `${path}/`)) found.set(name, text);
  }
  return found;
}
