/**
 * One call of a plugin: what goes in, and what its answer means. Pure; running is exec.ts's.
 * https://www.cni.dev/docs/spec/#section-2-execution-protocol
 */
import * as v from "valibot";
import { CriError, type Kind } from "../base/errors.ts";
import type { PluginConf } from "./conf.ts";
import { isObject, type JsonObject, parseJson, toJson } from "./json.ts";
import type { Target } from "./target.ts";
import type { PluginCall, PluginResult, ValidAttachment } from "./types.ts";

export type Verb = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

export interface Invocation {
  readonly verb: Verb;
  readonly networkName: string;
  readonly cniVersion: string;
  readonly plugin: PluginConf;
  /** Full path of the plugin's file. */
  readonly path: string;
  /** Where the plugin finds others, such as its IPAM plugin. */
  readonly binDirs: readonly string[];
  readonly timeoutMs: number;
  /** For ADD, DEL and CHECK. */
  readonly target?: Target | undefined;
  readonly prevResult?: JsonObject | undefined;
  /** For GC. */
  readonly valid?: readonly ValidAttachment[] | undefined;
}

/** Plugins run iptables, nft, tc and the like. The daemon's own environment is not theirs. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Codes of the specification that are more than a failure: #error. */
const ERROR_KINDS = new Map<number, Kind>([
  [1, "failedPrecondition"], // Incompatible CNI version: the configuration must change.
  [2, "failedPrecondition"], // Unsupported field in the configuration.
  [7, "failedPrecondition"], // Invalid network configuration.
  [11, "unavailable"], // Try again later.
  [50, "unavailable"], // STATUS: can't do ADD now.
  [51, "unavailable"], // STATUS: nor do the attached containers have a network.
]);

const MAX_STDERR_CHARS = 1_000;

const errorSchema = v.object({
  code: v.pipe(v.number(), v.integer(), v.minValue(1)),
  msg: v.nullish(v.string(), ""),
  details: v.nullish(v.string(), ""),
});

/** The call that an invocation comes to. */
export function prepareCall(invocation: Invocation): PluginCall {
  const { verb, path, binDirs, timeoutMs, target } = invocation;
  const env: Record<string, string> = {
    CNI_COMMAND: verb,
    CNI_PATH: binDirs.join(":"),
    PATH,
  };
  if (target !== undefined) {
    env.CNI_CONTAINERID = target.containerId;
    env.CNI_NETNS = target.netnsPath;
    env.CNI_IFNAME = target.ifName;
    env.CNI_ARGS = target.args.map(([key, value]) => `${key}=${value}`).join(";");
  } else if (verb === "VERSION") {
    // Plugins of before 1.0 ask for these with every verb.
    Object.assign(env, { CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_CONTAINERID: "dummy" });
  }
  return { path, env, stdin: new TextEncoder().encode(toJson(stdinOf(invocation))), timeoutMs };
}

function stdinOf(invocation: Invocation): JsonObject {
  const { verb, networkName, cniVersion, plugin, target, prevResult, valid } = invocation;
  if (verb === "VERSION") return { cniVersion };
  const own: JsonObject = { ...plugin.raw, name: networkName, cniVersion };
  // The specification says one key and older libraries read the other (cni#1101).
  if (verb === "GC") {
    return {
      ...own,
      "cni.dev/valid-attachments": gcList(valid),
      "cni.dev/attachments": gcList(valid),
    };
  }
  if (target === undefined) return own;
  const wanted = Object.entries(target.capabilityArgs).filter(([key]) =>
    plugin.capabilities.has(key)
  );
  if (wanted.length > 0) own.runtimeConfig = Object.fromEntries(wanted);
  if (prevResult !== undefined) own.prevResult = prevResult;
  return own;
}

function gcList(valid: readonly ValidAttachment[] = []): object[] {
  return valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
}

/**
 * The JSON object that a plugin printed; undefined when it printed nothing.
 *
 * @throws CriError with plugin, verb, code, message and details when the plugin failed
 */
export function readAnswer(invocation: Invocation, result: PluginResult): JsonObject | undefined {
  const stdout = new TextDecoder().decode(result.stdout).trim();
  const parsed = stdout === "" ? undefined : parseJson(stdout);
  const value = parsed !== undefined && "value" in parsed ? parsed.value : undefined;
  if (result.code !== 0) throw failure(invocation, result, value);
  if (parsed === undefined) return undefined;
  if (isObject(value)) return value;
  const problem = "problem" in parsed ? parsed.problem : "not an object";
  throw new CriError(
    "internal",
    `${describePlugin(invocation)} printed something that is not a JSON object (${problem}): ` +
      JSON.stringify(stdout.slice(0, 200)),
  );
}

function failure(invocation: Invocation, result: PluginResult, value: unknown): CriError {
  const said = v.safeParse(errorSchema, value);
  const stderr = result.stderr.trim();
  const tail = stderr === "" ? "" : `; it wrote: ${stderr.slice(-MAX_STDERR_CHARS)}`;
  const what = `${describePlugin(invocation)} failed`;
  if (!said.success) {
    return new CriError("internal", `${what} with exit code ${result.code}${tail}`);
  }
  const { code, msg, details } = said.output;
  const texts = [msg, details].filter((text) => text !== "").join(": ");
  return new CriError(
    ERROR_KINDS.get(code) ?? "internal",
    `${what} with code ${code}${texts === "" ? "" : `: ${texts}`}${tail}`,
  );
}

/** For messages: `Plugin "bridge" of network podnet (ADD)`. */
export function describePlugin(
  { plugin, networkName, verb }: Pick<Invocation, "plugin" | "networkName" | "verb">,
): string {
  return `Plugin ${JSON.stringify(plugin.type)} of network ${networkName} (${verb})`;
}
