/** hosts.toml: mirrors, private authorities, client certificates, proxies, the node's credentials. */
import assert from "node:assert/strict";
import { hostsIn } from "../../src/registry/hosts_folder.ts";
import { readCredentials } from "../../src/registry/credentials_file.ts";
import { failure, FakeRegistry, pushImage } from "../fakes/registry.ts";
import { hasOpenssl, makeAuthority } from "../world/certificates.ts";
import { hasDockerRegistry, startDockerRegistry } from "../world/docker_registry.ts";
import { imagesWorld, NO_AUTH, rejectsWith, SNAPSHOTTER, uniqueImage } from "../world/images.ts";
import { startRegistryCompartment } from "../world/registry_compartment.ts";
import { skipUnless } from "../world/skip.ts";

const certsDir = await Deno.makeTempDir({ prefix: "certs-" });
const authFile = `${certsDir}/auth.json`;
const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"), {
  hosts: hostsIn(certsDir),
  nodeCredentials: () => readCredentials(authFile),
});
await Deno.writeTextFile(authFile, "{}");
Deno.test.afterAll(async () => {
  await world.cleanUp();
  await Deno.remove(certsDir, { recursive: true });
});
Deno.test.afterEach(async () => {
  await world.assertNothingUnderWay();
  await Deno.writeTextFile(authFile, "{}");
});

/** Nobody answers there. */
const NOWHERE = closedPort();

function closedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}

async function writeHosts(name: string, toml: string): Promise<void> {
  await Deno.mkdir(`${certsDir}/${name}`, { recursive: true });
  await Deno.writeTextFile(`${certsDir}/${name}/hosts.toml`, toml);
}

Deno.test("a mirror is asked first and told for whom, and the file counts as soon as it changes", async () => {
  await using first = new FakeRegistry();
  await using second = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  first.addImage("team/app:1", image);
  second.addImage("team/app:1", image);
  await writeHosts("registry.example", `server = "http://${NOWHERE}"\n[host."${first.origin}"]`);
  const reference = "registry.example/team/app:1";
  const stored = await world.pull(reference);
  assert.deepEqual(stored.repoTags, [reference]);
  for (const { path } of first.seen) assert.match(path, /\?ns=registry\.example$/);
  await world.remove(reference);

  await writeHosts("registry.example", `[host."${second.origin}"]`);
  await world.pull(reference);
  assert(second.seen.length > 0);
  await world.remove(reference);
});

Deno.test("_default stands for every registry without a folder, and host_port_ for one with a port", async () => {
  await using mirror = new FakeRegistry();
  await using own = new FakeRegistry({ hostname: "127.0.0.2" });
  for (const registry of [mirror, own]) registry.addImage("app:1", uniqueImage());
  await writeHosts("_default", `server = "${mirror.origin}"`);
  await writeHosts("other.example_5000_", `server = "${own.origin}/deep/er"`);
  own.misbehave = (_, url) => {
    const location = `${own.origin}${url.pathname.replace("/deep/er/v2", "/v2")}`;
    return url.pathname.startsWith("/deep/")
      ? new Response(null, { status: 307, headers: { location } })
      : undefined;
  };
  try {
    await world.pull("any.example/app:1");
    await world.remove("any.example/app:1");
    await world.pull("other.example:5000/app:1");
    assert.match(own.seen[0]?.path ?? "", /^\/deep\/er\/v2\/app\/manifests\/1/);
    await world.remove("other.example:5000/app:1");
  } finally {
    await Deno.remove(`${certsDir}/_default`, { recursive: true });
  }
});

Deno.test("an image comes from the next host when one fails, refuses or lies, and all are named when none has it", async () => {
  await using broken = new FakeRegistry({ misbehave: () => failure(500, "OOPS") });
  await using private_ = new FakeRegistry({
    hostname: "127.0.0.2",
    bearer: { username: "a", password: "b" },
  });
  await using good = new FakeRegistry({ hostname: "127.0.0.3" });
  good.addImage("app:1", uniqueImage());
  const toml = [`http://${NOWHERE}`, broken.origin, private_.origin]
    .map((url) => `[host."${url}"]\n`).join("");
  await writeHosts("many.example", `server = "${good.origin}"\n${toml}`);
  await world.pull("many.example/app:1");
  const asked = broken.seen.length;
  await world.remove("many.example/app:1");
  assert(asked <= 2, "a host that is down isn't asked for every blob");

  const text = new RegExp(
    `Registry ${good.host} does not have app:2 \\(HTTP 404.*\\); tried before: ` +
      `${NOWHERE}: .*; ${broken.host}: HTTP 500; ${private_.host}: .*401`,
  );
  await rejectsWith("notFound", text, world.pull("many.example/app:2"));
});

Deno.test("a blob that breaks off at a mirror goes on at the next host", async () => {
  await using mirror = new FakeRegistry();
  await using own = new FakeRegistry({ hostname: "127.0.0.2" });
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const image = uniqueImage({ layers: [[{ path: "big", content }]], compression: "none" });
  const layer = image.layers[0];
  assert(layer !== undefined);
  for (const registry of [mirror, own]) registry.addImage("app:1", image);
  mirror.misbehave = (_, url) =>
    url.pathname.endsWith(layer.digest) ? new Response(layer.bytes.slice(0, 20_000)) : undefined;
  await writeHosts("two.example", `server = "${own.origin}"\n[host."${mirror.origin}"]`);
  const stored = await world.pull("two.example/app:1");
  assert.deepEqual(await world.readUnpacked(stored.chainId, "big"), content);
  const ofLayer = own.seen.filter(({ path }) => path.includes(layer.digest));
  assert.deepEqual(ofLayer.map(({ range }) => range), ["bytes=20000-"]);
  await world.remove(stored.id);
});

Deno.test("a mirror without resolve is asked for content alone", async () => {
  await using mirror = new FakeRegistry();
  await using own = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  for (const registry of [mirror, own]) registry.addImage("app:1", image);
  await writeHosts(
    "pull.example",
    `server = "${own.origin}"\n[host."${mirror.origin}"]\ncapabilities = ["pull"]`,
  );
  await world.pull("pull.example/app:1");
  assert.equal(own.count("/manifests/1", "HEAD"), 1);
  assert.equal(own.seen.length, 1);
  assert.equal(mirror.count("/manifests/1", "HEAD"), 0);
  await world.remove("pull.example/app:1");

  await writeHosts("pull.example", `server = "${own.origin}"\ncapabilities = ["pull"]`);
  await rejectsWith("failedPrecondition", /may be asked for/, world.pull("pull.example/app:1"));
});

Deno.test("a registry's credentials never reach its mirror, which gets the node's own for it", async () => {
  const user = { username: "mirror", password: "of-the-mirror" };
  await using mirror = new FakeRegistry({ basic: user });
  await using own = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  for (const registry of [mirror, own]) registry.addImage("app:1", image);
  await writeHosts("keys.example", `server = "${own.origin}"\n[host."${mirror.origin}"]`);
  const auth = { ...NO_AUTH, username: "me", password: "of-the-registry" };
  await world.pull("keys.example/app:1", { auth });
  for (const { authorization } of mirror.seen) assert.equal(authorization, null);
  assert(own.seen.length > 0);
  await world.remove("keys.example/app:1");

  const auths = { [mirror.host]: { auth: btoa("mirror:of-the-mirror") } };
  await Deno.writeTextFile(authFile, JSON.stringify({ auths }));
  const before = own.seen.length;
  await world.pull("keys.example/app:1", { auth });
  assert.equal(own.seen.length, before, "the mirror has given everything");
  await world.remove("keys.example/app:1");
});

Deno.test("headers of a host go to that host alone", async () => {
  await using mirror = new FakeRegistry();
  await using storage = new FakeRegistry({ hostname: "127.0.0.2" });
  const image = uniqueImage();
  for (const registry of [mirror, storage]) registry.addImage("app:1", image);
  const headers: (string | null)[] = [];
  mirror.misbehave = (request, url) => {
    headers.push(request.headers.get("x-key"));
    const location = `${storage.origin}${url.pathname}`;
    return url.pathname.includes("/blobs/")
      ? new Response(null, { status: 307, headers: { location } })
      : undefined;
  };
  storage.misbehave = (request) => {
    assert.equal(request.headers.get("x-key"), null);
    return undefined;
  };
  const toml = `[host."${mirror.origin}"]\n[host."${mirror.origin}".header]\nX-Key = "k3y"`;
  await writeHosts("headers.example", toml);
  await world.pull("headers.example/app:1");
  assert(storage.seen.length > 0);
  assert.deepEqual([...new Set(headers)], ["k3y"]);
  await world.remove("headers.example/app:1");
});

Deno.test("an address that doesn't answer costs its dial_timeout", async () => {
  await using own = new FakeRegistry();
  own.addImage("app:1", uniqueImage());
  // Of a network that is for documentation: packets to it are answered by nobody, or refused.
  await writeHosts(
    "slow.example",
    `server = "${own.origin}"\n[host."https://192.0.2.1"]\ndial_timeout = "200ms"`,
  );
  await world.pull("slow.example/app:1");
  await world.remove("slow.example/app:1");
});

Deno.test("a file with a mistake fails the pull and names itself", async () => {
  await writeHosts("wrong.example", `server = "https://x"\ncapabilites = []`);
  const text = /^Cannot pull image wrong\.example\/app:1: .*wrong\.example\/hosts\.toml: /;
  await rejectsWith("failedPrecondition", text, world.pull("wrong.example/app:1"));
  await writeHosts("wrong.example", `ca = "missing.crt"`);
  const missing = /Cannot read .*wrong\.example\/missing\.crt/;
  await rejectsWith("failedPrecondition", missing, world.pull("wrong.example/app:1"));
  await Deno.writeTextFile(authFile, '{"auths": "s3cret"}');
  const error = await rejectsWith(
    "failedPrecondition",
    /auth\.json doesn't hold credentials/,
    world.pull("elsewhere.example/app:1"),
  );
  assert(!error.text.includes("s3cret"));
});

/** A proxy as companies have them: it sees where TLS goes, and nothing of it. */
function tunnel() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const open = new Set<Deno.TcpConn>();
  const carry = async (near: Deno.TcpConn) => {
    open.add(near);
    const head = new Uint8Array(4096);
    const [line = ""] = new TextDecoder().decode(head.subarray(0, await near.read(head) ?? 0))
      .split("\r\n");
    asked.push(line);
    const [hostname = "", port] = (line.split(" ")[1] ?? "").split(":");
    const far = await Deno.connect({ hostname, port: Number(port) });
    open.add(far);
    await near.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    // One end hangs up: that is how each of these ends.
    await Promise.allSettled([
      near.readable.pipeTo(far.writable),
      far.readable.pipeTo(near.writable),
    ]);
  };
  const serve = async () => {
    for await (const connection of listener) void carry(connection).catch(() => {});
  };
  const serving = serve();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving.catch(() => {});
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // Its stream has closed it.
        }
      }
    },
  };
}

const whereTlsIs = skipUnless(
  await hasDockerRegistry() && await hasOpenssl(),
  "no docker-registry or openssl here",
);

Deno.test({
  ...whereTlsIs(
    "the compartment speaks TLS with a private authority, client certificates, or unverified",
  ),
  async fn() {
    const image = uniqueImage();
    const authority = await makeAuthority(certsDir);
    const client = await authority.issue("client");
    await Deno.mkdir(`${certsDir}/strangers`);
    const strangers = await makeAuthority(`${certsDir}/strangers`);
    const tls = { ...await authority.issue("server"), clientCa: authority.ca };
    const plain = await startDockerRegistry({ tls: { cert: tls.cert, key: tls.key } });
    const guarded = await startDockerRegistry({ tls });
    const compartment = await startRegistryCompartment(world.address, {
      registry_config: certsDir,
      import_dir: `${certsDir}/import`,
    });
    const pull = async (reference: string) => {
      const request = { reference, snapshotter: SNAPSHOTTER };
      const { imageId } = await compartment.remote.pull(request);
      await world.store.load(AbortSignal.timeout(10_000));
      await world.remove(imageId);
    };
    try {
      const caCerts = [await Deno.readTextFile(authority.ca)];
      const [cert, key] = [client.cert, client.key].map((path) => Deno.readTextFileSync(path));
      assert(cert !== undefined && key !== undefined);
      for (const { origin } of [plain, guarded]) {
        const client = Deno.createHttpClient({ caCerts, cert, key });
        const images = { images: [image], target: image.manifest, client };
        await pushImage(origin, "app:1", images);
        client.close();
      }
      const reference = `${plain.host}/app:1`;
      const name = plain.host.replace(/:(\d+)$/, "_$1_");
      await writeHosts(name, `server = "${plain.origin}"`);
      await rejectsWith("unavailable", /certificate/i, pull(reference));
      await writeHosts(name, `server = "${plain.origin}"\nca = "../ca.crt"`);
      await pull(reference);
      await using proxy = tunnel();
      await writeHosts(
        name,
        `server = "${plain.origin}"\nca = "../ca.crt"\nproxy = "${proxy.url}"`,
      );
      await pull(reference);
      assert.deepEqual([...new Set(proxy.asked)], [`CONNECT ${plain.host} HTTP/1.1`]);
      await writeHosts(name, `server = "${plain.origin}"\nskip_verify = true`);
      await pull(reference);

      const guardedName = guarded.host.replace(/:(\d+)$/, "_$1_");
      const base = `server = "${guarded.origin}"\nca = "${authority.ca}"\n`;
      await writeHosts(guardedName, base);
      await rejectsWith("unavailable", /^RegistryUnavailable/, pull(`${guarded.host}/app:1`));
      await writeHosts(guardedName, `${base}client = [["${client.cert}", "${client.key}"]]`);
      await pull(`${guarded.host}/app:1`);
      const stranger = await strangers.issue("stranger");
      const pairs = [stranger, client].map(({ cert, key }) => `["${cert}", "${key}"]`);
      await writeHosts(guardedName, `${base}client = [${pairs.join(", ")}]`);
      await pull(`${guarded.host}/app:1`);
      await writeHosts(guardedName, `${base}client = [${pairs[0]}]`);
      await rejectsWith("unavailable", /alert/i, pull(`${guarded.host}/app:1`));
      await writeHosts(guardedName, `${base}client = "/etc/shadow"`);
      await rejectsWith("permissionDenied", /may not be read/, pull(`${guarded.host}/app:1`));
    } finally {
      compartment.stop();
      await plain.cleanUp();
      await guarded.cleanUp();
    }
  },
});

Deno.test("a proxy of the file carries the pull", async () => {
  await using registry = new FakeRegistry();
  registry.addImage("app:1", uniqueImage());
  const through: string[] = [];
  const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    through.push(request.url);
    const { pathname, search } = new URL(request.url);
    const { method, headers } = request;
    return fetch(`${registry.origin}${pathname}${search}`, { method, headers });
  });
  const url = `http://127.0.0.1:${proxy.addr.port}`;
  await writeHosts("far.example", `server = "http://registry.invalid"\nproxy = "${url}"`);
  await world.pull("far.example/app:1");
  assert(through.length >= 4);
  await world.remove("far.example/app:1");
  await proxy.shutdown();
});
