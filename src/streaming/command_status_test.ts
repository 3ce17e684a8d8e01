import assert from "node:assert/strict";
import { parseSize } from "./command_client.ts";
import { statusBytes } from "./command_status.ts";

const text = (...args: Parameters<typeof statusBytes>) =>
  new TextDecoder().decode(statusBytes(...args));

Deno.test("statusBytes() says success in version 4 and nothing before", () => {
  assert.deepEqual(JSON.parse(text({ kind: "exited", exitCode: 0 }, 4)), {
    metadata: {},
    status: "Success",
  });
  assert.equal(text({ kind: "exited", exitCode: 0 }, 3), "");
});

Deno.test("statusBytes() gives an exit code where clients look for it", () => {
  const status = JSON.parse(text({ kind: "exited", exitCode: 42 }, 5));
  assert.equal(status.reason, "NonZeroExitCode");
  assert.deepEqual(status.details.causes, [{ reason: "ExitCode", message: "42" }]);
  assert.match(text({ kind: "exited", exitCode: 42 }, 1), /exit code 42$/);
});

Deno.test("statusBytes() gives a failure's message in every version", () => {
  const failed = { kind: "failed", message: "no such file" } as const;
  assert.equal(text(failed, 2), "no such file");
  assert.equal(JSON.parse(text(failed, 4)).message, "no such file");
});

Deno.test("parseSize() takes sizes that a terminal can have and nothing else", () => {
  assert.deepEqual(parseSize('{"Width":80,"Height":24}'), { width: 80, height: 24 });
  for (
    const bad of [
      "",
      "null",
      "[]",
      '{"Width":80}',
      '{"Width":-1,"Height":1}',
      '{"Width":1e9,"Height":1}',
    ]
  ) {
    assert.equal(parseSize(bad), undefined, bad);
  }
});
