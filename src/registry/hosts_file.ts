/**
 * A hosts.toml file, as containerd's clients read it: which servers stand in for a registry.
 * https://github.com/containerd/containerd/blob/main/docs/hosts.md
 *
 * Unlike containerd, which goes on without a file that it can't read, a mistake is an error: on a
 * node that must use its mirror nothing is worse than quietly asking somebody else.
 */
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { parseDuration } from "../config/duration.ts";

/** One server of a file. Paths are absolute. */
export interface HostEntry {
  /** Where its API lies, such as `https://mirror.example/v2`; undefined is the registry itself. */
  readonly root: URL | undefined;
  /** Whether it may say what a tag stands for. */
  readonly resolves: boolean;
  /** Whether it may hand out content. */
  readonly pulls: boolean;
  readonly caFiles: readonly string[];
  /** Certificate and key; the key is "" when it lies in the certificate's file. */
  readonly clientFiles: readonly (readonly [string, string])[];
  readonly skipsVerify: boolean;
  readonly headers: readonly (readonly [string, string])[];
  /** How long its address may take to answer; undefined: no limit of its own. */
  readonly dialTimeoutMs: number | undefined;
  /** URL of the proxy that it is reached by; undefined: as the environment says. */
  readonly proxy: string | undefined;
}

const CAPABILITIES = ["pull", "resolve", "push"] as const;

const strings = v.union([v.string(), v.array(v.string())]);
const pairs = v.union([
  v.string(),
  v.array(v.union([v.string(), v.pipe(v.array(v.string()), v.length(2))])),
]);
const hostKeys = {
  capabilities: v.optional(v.array(v.pipe(
    v.string(),
    v.transform((word) => word.toLowerCase()),
    v.picklist(CAPABILITIES, `must be one of ${CAPABILITIES.join(", ")}`),
  ))),
  ca: v.optional(strings),
  client: v.optional(pairs),
  skip_verify: v.optional(v.boolean()),
  header: v.optional(v.record(v.string(), strings)),
  override_path: v.optional(v.boolean()),
  dial_timeout: v.optional(v.pipe(
    v.string(),
    v.check((text) => parseDuration(text) !== undefined, 'must be a duration such as "5s"'),
  )),
  proxy: v.optional(v.pipe(
    v.string(),
    v.check(isProxy, "must be the URL of a proxy, such as http://proxy.example:3128"),
  )),
};
const hostSchema = v.strictObject(hostKeys);
const fileSchema = v.strictObject({
  ...hostKeys,
  server: v.optional(v.string()),
  host: v.optional(v.record(v.string(), hostSchema)),
});
type HostKeys = v.InferOutput<typeof hostSchema>;

/**
 * The servers of a file in the order in which they are asked, the registry's own last.
 *
 * @param file its path, for messages and for what it names relatively
 * @throws CriError failedPrecondition that names file and key
 */
export function parseHostsFile(toml: string, file: string): HostEntry[] {
  let values: unknown;
  try {
    values = parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ""] = error.message.split("\n");
    throw wrong(`${file}:${error.line}`, first.replace(/^Invalid TOML document: /, ""));
  }
  const result = v.safeParse(fileSchema, values);
  if (!result.success) {
    const [issue] = result.issues;
    throw wrong(file, `${v.getDotPath(issue) ?? "its top"}: ${issue.message}`);
  }
  const { server, host = {}, ...own } = result.output;
  const mirrors = Object.entries(host).map(([url, keys]) => toEntry(url, keys, file));
  return [...mirrors, toEntry(server ?? "", own, file)];
}

function toEntry(server: string, keys: HostKeys, file: string): HostEntry {
  const absolute = (path: string) => absolutePath(path, file);
  const can = (word: (typeof CAPABILITIES)[number]) =>
    keys.capabilities === undefined || keys.capabilities.length === 0 ||
    keys.capabilities.includes(word);
  const entry = {
    root: server === "" ? undefined : rootOf(server, keys.override_path === true, file),
    resolves: can("resolve"),
    pulls: can("pull"),
    caFiles: listOf(keys.ca).map(absolute),
    clientFiles: listOf<string | string[]>(keys.client).map((pair) => pairOf(pair, absolute)),
    skipsVerify: keys.skip_verify === true,
    headers: Object.entries(keys.header ?? {}).flatMap(([name, values]) =>
      listOf(values).map((value) => headerOf(name, value, file))
    ),
    dialTimeoutMs: keys.dial_timeout === undefined ? undefined : parseDuration(keys.dial_timeout),
    proxy: keys.proxy,
  };
  if (entry.skipsVerify && entry.proxy !== undefined) {
    throw wrong(file, "skip_verify and proxy don't go together; name the server's CA instead");
  }
  return entry;
}

/** The API's root: "/v2" is added unless the path is said to be the whole one. */
function rootOf(server: string, isWhole: boolean, file: string): URL {
  const url = URL.parse(/^https?:\/\//i.test(server) ? server : `https://${server}`);
  const isPlain = url !== null && url.username === "" && url.password === "" &&
    url.search === "" && url.hash === "";
  if (!isPlain) throw wrong(file, `${JSON.stringify(server)} is not the URL of a server`);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = isWhole || path.endsWith("/v2") ? path : `${path}/v2`;
  return url;
}

function isProxy(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^(?:https?|socks5h?):$/.test(url.protocol) && url.host !== "" &&
    (url.pathname === "/" || url.pathname === "") && url.search === "" && url.hash === "";
}

function headerOf(name: string, value: string, file: string): readonly [string, string] {
  try {
    new Headers([[name, value]]);
    return [name, value];
  } catch {
    // Its value may be a secret.
    throw wrong(file, `header.${JSON.stringify(name)} can't be sent`);
  }
}

function listOf<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function pairOf(pair: string | string[], absolute: (path: string) => string): [string, string] {
  const [certificate = "", key = ""] = typeof pair === "string" ? [pair] : pair;
  return [absolute(certificate), key === "" ? "" : absolute(key)];
}

function absolutePath(path: string, file: string): string {
  return path.startsWith("/") ? path : `${file.replace(/[^/]*$/, "")}${path}`;
}

function wrong(place: string, problem: string): CriError {
  return new CriError("failedPrecondition", `${place}: ${problem}`, {
    remedy: "correct the file; it is read again at the next pull",
  });
}
