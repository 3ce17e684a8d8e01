import assert from "node:assert/strict";
import { containerTable, eventLine, podTable, statsTable } from "./node.ts";
import { formatAge } from "./time.ts";

const NOW_MS = 1_000_000_000;
const POD = {
  id: "0123456789abcdef",
  namespace: "shop",
  name: "web-0",
  attempt: 0,
  state: "ready",
  ips: ["10.0.0.2", "fd00::2"],
  createdAtNs: BigInt(NOW_MS - 65_000) * 1_000_000n,
} as const;

Deno.test("podTable() and containerTable() align what there is to know", () => {
  assert.equal(
    podTable([POD, { ...POD, name: "a", state: "not ready", ips: [] }], NOW_MS),
    `POD          STATE       IP         AGE    ATTEMPT   ID
shop/web-0   ready       10.0.0.2   1m5s   0         0123456789abc
shop/a       not ready              1m5s   0         0123456789abc
`,
  );
  const container = {
    id: "fedcba9876543210",
    name: "main",
    podId: POD.id,
    pod: "shop/web-0",
    image: "busybox:1",
    state: "running",
    attempt: 2,
    createdAtNs: POD.createdAtNs,
  } as const;
  assert.equal(
    containerTable([container], NOW_MS),
    `CONTAINER   POD          STATE     AGE    ATTEMPT   IMAGE       ID
main        shop/web-0   running   1m5s   2         busybox:1   fedcba9876543
`,
  );
});

Deno.test("colours are put around whole lines, so that columns stay where they are", () => {
  const [head, first] = podTable([POD], NOW_MS, true).split("\n");
  assert.ok(head?.startsWith("POD"));
  assert.ok(first?.startsWith("\x1b[32mshop/web-0") && first.endsWith("\x1b[0m"));
});

Deno.test("statsTable() has the busiest first and leaves out what isn't known", () => {
  const idle = {
    id: "0123456789abcdef",
    name: "idle",
    pod: "shop/a",
    nanoCores: undefined,
    workingSetBytes: 1_000_000n,
    availableBytes: undefined,
    layerBytes: undefined,
  };
  const busy = {
    ...idle,
    name: "busy",
    nanoCores: 1_234_000_000n,
    availableBytes: 9_000_000n,
    layerBytes: 4096n,
  };
  assert.equal(
    statsTable([idle, busy]),
    `CONTAINER   POD      CPU       MEMORY    LIMIT     FILES     ID
busy        shop/a   123.4 %   1.00 MB   10.0 MB   4.10 kB   0123456789abc
idle        shop/a             1.00 MB                       0123456789abc
`,
  );
});

Deno.test("eventLine() names the container and its pod", () => {
  const event = { atNs: 0n, type: "started", id: "0123456789abcdef", pod: "shop/a" } as const;
  const line = (container: string) => eventLine({ ...event, container }).split("  ").slice(1);
  assert.deepEqual(line("c"), ["started", "c in shop/a", "0123456789abc"]);
  assert.deepEqual(line(""), ["started", "pod shop/a", "0123456789abc"]);
});

Deno.test("formatAge() shows the two largest units", () => {
  const age = (seconds: number) => formatAge(0n, seconds * 1000);
  assert.deepEqual([0, 7, 60, 65, 3600, 7322, 90_000, 864_000].map(age), [
    "0s",
    "7s",
    "1m",
    "1m5s",
    "1h",
    "2h2m",
    "1d1h",
    "10d",
  ]);
});
