/** `cri-containerd images explain`: which servers a pull would ask, and what they say. */
import { toCriError } from "../base/errors.ts";
import { configureLogging } from "../base/logging.ts";
import { imageNaming } from "../compartments/image_naming.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/table.ts";
import { MANIFEST_TYPES } from "../images/manifest.ts";
import { completeName } from "../images/naming.ts";
import { canonicalName, type ImageReference, parseReference } from "../images/reference.ts";
import { Repository } from "../registry/client.ts";
import { credentialsOf, type NodeCredentials } from "../registry/credentials.ts";
import { readCredentials } from "../registry/credentials_file.ts";
import type { Endpoint } from "../registry/hosts.ts";
import { readHosts } from "../registry/hosts_folder.ts";
import { DEFAULT_TIMING } from "../registry/timing.ts";
import { print } from "./output.ts";

/** Somebody waits at a terminal, and a server that is down is the answer that is looked for. */
const TIMING = { ...DEFAULT_TIMING, headersMs: 10_000, retries: 0 };

interface Question {
  reference: ImageReference;
  node: NodeCredentials;
}

/** Prints what a pull of the image would ask; 1 when none of the servers has it. */
export async function explainImage(
  name: string,
  o: { config?: string; offline?: boolean },
): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  configureLogging({ level: "warn", format: "text" });
  const reference = parseReference(completeName(imageNaming(config), name, "IMAGE"));
  const node = await readCredentials(config.images.credentials_file);
  const { registry_config } = config.images;
  const { folder, endpoints } = await readHosts(registry_config, reference.domain);
  print(`${canonicalName(reference)}\n${whereWritten(config, reference, folder)}\n`);
  let code = 1;
  for (const [index, endpoint] of endpoints.entries()) {
    const question = { reference, node };
    print(`\n${index + 1}. ${endpointText(endpoint, question)}\n`);
    if (o.offline === true) continue;
    const { text, isFound } = await ask(endpoint, question);
    print(`   ${text}\n`);
    if (isFound) code = 0;
  }
  return o.offline === true ? 0 : code;
}

function whereWritten(
  { images }: Config,
  { domain }: ImageReference,
  folder: string | undefined,
): string {
  if (folder !== undefined) return `as ${folder} says, these servers are asked in this order:`;
  if (images.registry_config === "") return "without any hosts.toml, one server is asked:";
  return `no folder of ${images.registry_config} is for ${domain}; one server is asked:`;
}

/** One server with what is special about it, and never the value of a secret. */
export function endpointText(endpoint: Endpoint, { reference, node }: Question): string {
  const credentials = credentialsOf(reference, endpoint, { auth: undefined, node });
  const facts = [
    endpoint.isMirror ? "a mirror" : "the registry itself",
    endpoint.resolves ? "" : "not asked what tags stand for",
    endpoint.pulls ? "" : "not asked for content",
    endpoint.fetch === undefined ? "" : "with TLS or a proxy of its own",
    endpoint.headers.length === 0
      ? ""
      : `with the headers ${endpoint.headers.map(([name]) => name).join(", ")}`,
    credentials.kind === "none" ? "without credentials" : "with credentials of the node",
  ];
  return `${endpoint.root.href} (${facts.filter((fact) => fact !== "").join("; ")})`;
}

async function ask(
  endpoint: Endpoint,
  { reference, node }: Question,
): Promise<{ text: string; isFound: boolean }> {
  const { domain, path } = reference;
  const began = performance.now();
  const repository = new Repository({
    domain,
    path,
    endpoints: [{ ...endpoint, resolves: true, pulls: true }],
    credentials: (server) => credentialsOf(reference, server, { auth: undefined, node }),
    accept: MANIFEST_TYPES,
    timing: TIMING,
  });
  const took = () => `${Math.round(performance.now() - began)} ms`;
  try {
    const what = reference.digest ?? reference.tag ?? "latest";
    const { digest, mediaType } = await repository.resolve(what, AbortSignal.timeout(30_000));
    return { text: `has it: ${digest}, ${mediaType} (${took()})`, isFound: true };
  } catch (error) {
    return { text: `${toCriError(error).text} (${took()})`, isFound: false };
  }
}
