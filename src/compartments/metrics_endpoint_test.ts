import assert from "node:assert/strict";
import { Metrics } from "../base/metrics.ts";
import { serveMetrics } from "./metrics_endpoint.ts";

Deno.test("metrics are served on a unix socket, in the place of one that was left there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "metrics-test-" });
  const address = `${dir}/metrics.sock`;
  await Deno.writeTextFile(address, "left");
  const metrics = new Metrics();
  let value = 0;
  metrics.reading({ name: "x_value", help: "X.", type: "gauge", read: () => [{ value }] });
  const refresh = () => Promise.resolve(void (value = 7));
  const stop = await serveMetrics({ address, metrics, refresh });
  try {
    using connection = await Deno.connect({ transport: "unix", path: address });
    const request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    await connection.write(new TextEncoder().encode(request));
    const answer = await new Response(connection.readable).text();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /^x_value 7$/m);
  } finally {
    await stop();
    assert.deepEqual([...Deno.readDirSync(dir)], []);
    await Deno.remove(dir, { recursive: true });
  }
});
