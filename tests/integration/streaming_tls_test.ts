/** Exec over TLS, with a certificate that is given and with one that the daemon makes. */
import assert from "node:assert/strict";
import { buildGoClient, canRunGoClient, goClient } from "../world/go_client.ts";
import { skipUnless } from "../world/skip.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";

/** A certificate that vouches for itself, made by openssl. */
async function makeCertificate(dir: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [`${dir}/cert.pem`, `${dir}/key.pem`];
  const made = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
      .concat("-days", "1", "-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1")
      .concat("-keyout", key, "-out", cert),
    stderr: "piped",
  }).output();
  assert(made.success, new TextDecoder().decode(made.stderr));
  return { cert, key };
}

const hasOpenssl = await Deno.stat("/usr/bin/openssl").then(() => true, () => false);

const whereBothAre = skipUnless(
  canRunGoClient && hasOpenssl,
  "no Go here, no crictl, or no openssl",
);

const TRANSPORTS = ["spdy", "websocket"];

/** An exec that gives back what it is sent, over TLS. */
async function checkExec({ cri, id }: RunningContainer, args: readonly string[]): Promise<void> {
  const cmd = ["sh", "-c", "cat; exit 3"];
  const request = { containerId: id, cmd, stdin: true, stdout: true, stderr: true };
  const { url } = await cri.call("exec", request);
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/exec\//);
  const client = goClient(...args, "-stdin", url);
  const output = client.output();
  const writer = client.stdin.getWriter();
  await writer.write(new TextEncoder().encode("secret"));
  await writer.close();
  const { code, stdout, stderr } = await output;
  assert.equal(code, 3, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stdout), "secret");
}

Deno.test(whereBothAre("exec works over TLS with both transports"), async () => {
  await buildGoClient();
  const dir = await Deno.makeTempDir({ prefix: "streaming-tls-" });
  const { cert, key } = await makeCertificate(dir);
  const config = `[streaming]\ntls_cert = "${cert}"\ntls_key = "${key}"\n`;
  {
    await using container = await startRunningContainer({}, { config });
    for (const transport of TRANSPORTS) await checkExec(container, ["-transport", transport]);
    await container.finish();
  }
  await Deno.remove(dir, { recursive: true });
});

const whereGoIs = skipUnless(canRunGoClient, "no Go here, or no crictl");

Deno.test(
  whereGoIs("the daemon's own certificate is trusted by who is given it, and outlives a restart"),
  async () => {
    await buildGoClient();
    const config = "[streaming]\ntls_self_signed = true\n";
    await using container = await startRunningContainer({}, { config });
    const { daemon } = container;
    const ca = `${daemon.dir}/state/streaming/cert.pem`;
    const key = await Deno.stat(`${daemon.dir}/state/streaming/key.pem`);
    assert.equal((key.mode ?? 0) & 0o777, 0o600);
    const args = TRANSPORTS.map((transport) => ["-transport", transport, "-ca", ca]);
    for (const each of args) await checkExec(container, each);
    const cert = await Deno.readTextFile(ca);
    await daemon.stop();
    await daemon.start();
    assert.equal(await Deno.readTextFile(ca), cert);
    for (const each of args) await checkExec(container, each);
    await container.finish();
  },
);
