/** Images signed by cosign itself, in both forms that it writes, in a real registry. */
import { readKey } from "../../src/images/signatures.ts";
import { pushImage } from "../fakes/registry.ts";
import { hasDockerRegistry, startDockerRegistry } from "../world/docker_registry.ts";
import { imagesWorld, rejectsWith, uniqueImage } from "../world/images.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

const COSIGN = new URL("../../.tools/bin/cosign", import.meta.url).pathname;
const isThere = await hasDockerRegistry() &&
  await Deno.stat(COSIGN).then(() => true, () => false);
const whereCosignIs = skipUnless(isThere, "no cosign; ./dev tools cosign builds it");

/** Makes a pair of keys in a folder: cosign.key and cosign.pub. */
async function makeKeys(dir: string): Promise<void> {
  await Deno.mkdir(dir);
  await cosign(dir, "generate-key-pair");
}

async function cosign(cwd: string, ...args: string[]): Promise<void> {
  // It keeps what it knows of the public service in its home; this one has no need of that.
  const env = ["COSIGN_PASSWORD=", `HOME=${cwd}`, `TUF_ROOT=${cwd}/tuf`];
  await sh("env", `--chdir=${cwd}`, ...env, COSIGN, ...args);
}

for (const [form, isBundle] of [["a statement under a tag", false], ["a bundle", true]] as const) {
  Deno.test({
    ...whereCosignIs(`an image that cosign signed with ${form} is pulled, by its key alone`),
    fn: async () => {
      const dir = await Deno.makeTempDir({ prefix: "cosign-" });
      const registry = await startDockerRegistry();
      try {
        await makeKeys(`${dir}/ours`);
        await makeKeys(`${dir}/theirs`);
        const image = uniqueImage();
        const reference = `${registry.host}/app:1`;
        await pushImage(registry.origin, "app:1", { images: [image], target: image.manifest });
        const key = readKey(await Deno.readTextFile(`${dir}/ours/cosign.pub`), "cosign.pub");
        const policy = { name: registry.host, keys: [key] };
        await using world = await signedWorld(policy);
        const refused = /^SignatureValidationFailed: /;
        await rejectsWith("failedPrecondition", refused, world.pull(reference));
        await sign(`${dir}/theirs`, `${registry.host}/app@${image.manifest.digest}`, isBundle);
        await rejectsWith("failedPrecondition", refused, world.pull(reference));
        await sign(`${dir}/ours`, `${registry.host}/app@${image.manifest.digest}`, isBundle);
        await world.pull(reference);
      } finally {
        await registry.cleanUp();
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

async function signedWorld(policy: { name: string; keys: ReturnType<typeof readKey>[] }) {
  const world = await imagesWorld(Deno.env.get("TEST_CONTAINERD"), {
    signatures: () => Promise.resolve(policy),
  });
  return { pull: world.pull, [Symbol.asyncDispose]: () => world.cleanUp() };
}

async function sign(keys: string, image: string, isBundle: boolean): Promise<void> {
  await cosign(
    keys,
    "sign",
    "--key=cosign.key",
    "--yes",
    "--tlog-upload=false",
    "--use-signing-config=false",
    `--new-bundle-format=${isBundle}`,
    "--allow-http-registry",
    image,
  );
}
