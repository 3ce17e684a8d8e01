import assert from "node:assert/strict";
import { defaultConfig } from "../config/load.ts";
import { computePermissions } from "../supervisor/permissions.ts";
import { permissionTable } from "./permissions.ts";

Deno.test("permissionTable() has every compartment and every path", () => {
  const permissions = computePermissions(defaultConfig(), ["/opt/cni/bin/bridge"]);
  const table = permissionTable(permissions);
  assert.match(table, /^COMPARTMENT +MAY +WHAT\nserver +read +\//);
  assert.match(table, /\ncni +run +\/opt\/cni\/bin\/bridge\n/);
  assert.match(table, / net +anywhere\n/);
});

Deno.test("permissionTable() says so when a compartment may do nothing", () => {
  const table = permissionTable(computePermissions(defaultConfig(), []));
  assert.match(table, /\ncni +nothing\n/);
});
