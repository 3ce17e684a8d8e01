/** The imports of the project as Deno resolves them, those of types included. */
import * as v from "valibot";
import type { Import } from "./layers.ts";
import { ROOT } from "./source.ts";

const resolved = v.optional(v.object({
  specifier: v.optional(v.string()),
  span: v.optional(v.object({ start: v.object({ line: v.number() }) })),
}));

const schema = v.object({
  modules: v.array(v.object({
    specifier: v.string(),
    error: v.optional(v.string()),
    dependencies: v.optional(v.array(v.object({
      specifier: v.string(),
      code: resolved,
      type: resolved,
    }))),
  })),
});

/** All imports of these files and of what they import, within the project. */
export async function importsOf(files: readonly string[]): Promise<Import[]> {
  const dir = await Deno.makeTempDir({ prefix: "cri-layers-" });
  try {
    // deno info takes one entry, and Workers' modules hang on none.
    const entry = `${dir}/all.ts`;
    await Deno.writeTextFile(entry, files.map((file) => `import "${ROOT}${file}";\n`).join(""));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", `${ROOT}deno.json`, entry],
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    return parseGraph(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function parseGraph(json: string): Import[] {
  const { modules } = v.parse(schema, JSON.parse(json));
  const root = `file://${ROOT}`;
  const broken = modules.filter(({ error }) => error !== undefined);
  if (broken.length > 0) throw new Error(broken.map(({ error }) => error).join("\n"));
  return modules.filter(({ specifier }) => specifier.startsWith(root)).flatMap((module) =>
    (module.dependencies ?? []).map(({ specifier, code, type }) => {
      const target = (code ?? type)?.specifier ?? specifier;
      return {
        from: module.specifier.slice(root.length),
        // Packages under the name by which they are imported.
        to: target.startsWith(root) ? target.slice(root.length) : specifier,
        line: ((code ?? type)?.span?.start.line ?? 0) + 1,
      };
    })
  );
}
