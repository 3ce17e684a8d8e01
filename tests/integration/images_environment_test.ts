/** The proxy of the environment, as the executable's own process has it. */
import assert from "node:assert/strict";
import { FakeRegistry } from "../fakes/registry.ts";
import { uniqueImage } from "../world/images.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";

/** Asks a registry by `images explain`: how many requests the proxy was sent, and the registry got. */
async function ask(env: Record<string, string>): Promise<{ proxied: number; direct: number }> {
  await using registry = new FakeRegistry();
  registry.addImage("app:1", uniqueImage());
  let proxied = 0;
  const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    proxied++;
    return new Response(null, { status: 404 });
  });
  const url = `http://127.0.0.1:${proxy.addr.port}`;
  const { stderr, stdout } = await new Deno.Command(PROGRAM, {
    args: [...PROGRAM_ARGS, "images", "explain", `${registry.host}/app:1`],
    env: { HTTP_PROXY: url, ...env },
  }).output();
  await proxy.shutdown();
  const direct = registry.seen.length;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(proxied + direct > 0, text);
  return { proxied, direct };
}

Deno.test("HTTP_PROXY of the environment carries what goes to a registry", async () => {
  const { proxied, direct } = await ask({});
  assert(proxied > 0);
  assert.equal(direct, 0);
});

Deno.test("NO_PROXY of the environment takes a registry out of that", async () => {
  const { proxied, direct } = await ask({ NO_PROXY: "127.0.0.1" });
  assert.equal(proxied, 0);
  assert(direct > 0);
});
