/** From an image's name to the servers that may have it. */
import { Repository } from "../registry/client.ts";
import { credentialsOf } from "../registry/credentials.ts";
import { noMirrors } from "../registry/hosts.ts";
import { MANIFEST_TYPES } from "./manifest.ts";
import type { Pull, PullDeps } from "./pull_transfer.ts";

/** The repository of an image, with its mirrors and what each of its servers may be shown. */
export async function openRepository(
  deps: Pick<PullDeps, "hosts" | "nodeCredentials" | "fetch" | "timing">,
  { reference, auth }: Pick<Pull, "reference" | "auth">,
): Promise<Repository> {
  const { domain, path } = reference;
  const node = await deps.nodeCredentials?.() ?? new Map();
  return new Repository({
    domain,
    path,
    endpoints: await (deps.hosts ?? noMirrors)(domain),
    credentials: (server) => credentialsOf(reference, server, { auth, node }),
    accept: MANIFEST_TYPES,
    ...(deps.fetch === undefined ? {} : { fetch: deps.fetch }),
    ...(deps.timing === undefined ? {} : { timing: deps.timing }),
  });
}
