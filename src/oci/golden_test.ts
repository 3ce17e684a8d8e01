/**
 * Whole specs against files: a change of any spec shows as a difference for review. To accept one,
 * run with UPDATE_GOLDEN=1.
 */
import assert from "node:assert/strict";
import { GOLDEN } from "../../tests/fixtures/oci/golden.ts";
import { containerSpec } from "./container.ts";
import { encodeSpec } from "./encode.ts";
import { sandboxSpec } from "./sandbox.ts";
import type { Spec } from "./spec.ts";

function checkGolden(name: string, spec: Spec): void {
  const file = new URL(`../../tests/fixtures/oci/${name}.json`, import.meta.url);
  const actual: unknown = JSON.parse(new TextDecoder().decode(encodeSpec(spec)));
  if (Deno.env.get("UPDATE_GOLDEN") === "1") {
    Deno.writeTextFileSync(file, `${JSON.stringify(actual, null, 2)}\n`);
  }
  assert.deepEqual(actual, JSON.parse(Deno.readTextFileSync(file)));
}

for (const [name, input] of Object.entries(GOLDEN.sandboxes)) {
  Deno.test(`sandboxSpec() makes ${name}.json of its request`, () => {
    checkGolden(name, sandboxSpec(input()));
  });
}

for (const [name, input] of Object.entries(GOLDEN.containers)) {
  Deno.test(`containerSpec() makes ${name}.json of its request`, () => {
    checkGolden(name, containerSpec(input()));
  });
}
