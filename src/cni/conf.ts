/**
 * A network's configuration: the text of a file, parsed and checked.
 * https://www.cni.dev/docs/spec/#section-1-network-configuration-format
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { isObject, type JsonObject, parseJson, toJson } from "./json.ts";
import { isName, isPluginType } from "./names.ts";
import { isKnown, KNOWN_VERSIONS, newestCommon } from "./versions.ts";

/** One plugin of a chain. */
export interface PluginConf {
  /** Name of its executable. */
  readonly type: string;
  /** The runtime's data that it takes, such as portMappings. */
  readonly capabilities: ReadonlySet<string>;
  /** The whole object as it stands in the file: plugins have keys that nobody else knows. */
  readonly raw: JsonObject;
}

/** One network: a chain of plugins. */
export interface Network {
  readonly name: string;
  /** undefined when the file names none: the plugins are asked what they have in common. */
  readonly cniVersion: string | undefined;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** In order of ADD. */
  readonly plugins: readonly PluginConf[];
  /** Where it was read from. */
  readonly file: string;
  /** Its JSON in the form of a list, with all its plugins: what is cached with a result. */
  readonly source: string;
}

const flag = v.optional(
  v.union([
    v.boolean(),
    v.pipe(v.picklist(["true", "false", "True", "False"]), v.transform((s) => /^t/i.test(s))),
  ]),
  false,
);
const version = v.pipe(
  v.string(),
  v.check(
    isKnown,
    ({ input }) => `${JSON.stringify(input)} is none of the versions ${KNOWN_VERSIONS.join(", ")}`,
  ),
);
const name = v.pipe(
  v.string(),
  v.check(
    isName,
    ({ input }) =>
      `${JSON.stringify(input)} is not a name of letters, digits, ".", "_" and "-", ` +
      "the first a letter or digit",
  ),
);
const pluginType = v.pipe(
  v.string(),
  v.check(
    isPluginType,
    ({ input }) => `${JSON.stringify(input)} is not the bare name of a plugin's file`,
  ),
);
const pluginSchema = v.looseObject({
  type: pluginType,
  capabilities: v.nullish(v.record(v.string(), v.boolean())),
  ipam: v.nullish(v.looseObject({ type: v.optional(v.union([v.literal(""), pluginType])) })),
});
/** Of a file with one plugin in it; the plugin's part is checked as above. */
const singleSchema = v.looseObject({ cniVersion: v.optional(version), name });
const listSchema = v.looseObject({
  cniVersion: v.optional(v.string()),
  cniVersions: v.optional(v.array(v.string())),
  name,
  disableCheck: flag,
  disableGC: flag,
  loadOnlyInlinedPlugins: flag,
  plugins: v.optional(v.array(v.looseObject({}))),
});

export interface ConfText {
  readonly file: string;
  readonly text: string;
}

/** What a network's file asks for beside itself. */
export interface ParsedNetwork {
  readonly network: Network;
  /** Whether plugins are also read from the folder that is named as the network. */
  readonly takesFolder: boolean;
}

/**
 * A network from a list (`plugins: […]`) or from a file with a single plugin.
 *
 * @throws CriError failedPrecondition with file and problem
 */
export function parseNetwork({ file, text }: ConfText): ParsedNetwork {
  const raw = readObject({ file, text });
  if (raw.plugins === undefined && raw.type !== undefined) {
    return { network: singleNetwork(file, raw), takesFolder: false };
  }
  const list = check(listSchema, raw, { file, at: "" });
  const plugins = (list.plugins ?? []).map((plugin, i) =>
    pluginConf(plugin, { file, at: `plugins[${i}].` })
  );
  const takesFolder = !list.loadOnlyInlinedPlugins;
  if (plugins.length === 0 && (list.plugins !== undefined || !takesFolder)) {
    throw broken(file, "plugins: the list is missing or empty");
  }
  const network = {
    name: list.name,
    cniVersion: versionOf(list, file),
    disableCheck: list.disableCheck,
    disableGC: list.disableGC,
    plugins,
    file,
    source: text,
  };
  return { network, takesFolder };
}

/**
 * A network with the plugins of its folder behind its own.
 *
 * @throws CriError failedPrecondition with file and problem
 */
export function withFolder(network: Network, files: readonly ConfText[]): Network {
  const more = files.map((file) => pluginConf(readObject(file), { file: file.file, at: "" }));
  const plugins = [...network.plugins, ...more];
  if (plugins.length === 0) throw broken(network.file, "plugins: the list is missing or empty");
  if (more.length === 0) return network;
  const raw = { ...readObject({ file: network.file, text: network.source }) };
  const source = toJson({
    ...raw,
    loadOnlyInlinedPlugins: true,
    plugins: plugins.map((plugin) => plugin.raw),
  });
  return { ...network, plugins, source };
}

function singleNetwork(file: string, raw: JsonObject): Network {
  const { name, cniVersion } = check(singleSchema, raw, { file, at: "" });
  const versions = cniVersion === undefined ? {} : { cniVersion };
  return {
    name,
    cniVersion,
    disableCheck: false,
    disableGC: false,
    plugins: [pluginConf(raw, { file, at: "" })],
    file,
    source: toJson({ name, ...versions, plugins: [raw] }),
  };
}

/** The newest of those that the file names and we speak. */
function versionOf(list: v.InferOutput<typeof listSchema>, file: string): string | undefined {
  const named = [list.cniVersion, ...(list.cniVersions ?? [])].filter((one) => one !== undefined);
  if (named.length === 0) return undefined;
  const newest = newestCommon([named]);
  if (newest !== undefined) return newest;
  const key = list.cniVersions === undefined ? "cniVersion" : "cniVersions";
  throw broken(
    file,
    `${key}: ${named.join(", ")} is none of the versions ${KNOWN_VERSIONS.join(", ")}`,
  );
}

interface Place {
  file: string;
  /** Path of keys in front of a problem's own. */
  at: string;
}

function pluginConf(raw: JsonObject, place: Place): PluginConf {
  const { type, capabilities } = check(pluginSchema, raw, place);
  const wanted = Object.entries(capabilities ?? {}).filter(([, isWanted]) => isWanted);
  return { type, capabilities: new Set(wanted.map(([key]) => key)), raw };
}

function readObject({ file, text }: ConfText): JsonObject {
  const parsed = parseJson(text);
  if ("problem" in parsed) throw broken(file, parsed.problem);
  if (!isObject(parsed.value)) throw broken(file, "line 1: the file must hold a JSON object");
  return parsed.value;
}

function check<S extends v.GenericSchema>(
  schema: S,
  raw: unknown,
  { file, at }: Place,
): v.InferOutput<S> {
  const result = v.safeParse(schema, raw);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "";
  const problem = issue.input === undefined ? "is missing" : issue.message;
  throw broken(file, `${at}${path}: ${problem}`);
}

function broken(file: string, problem: string): CriError {
  return new CriError("failedPrecondition", `${file}: ${problem}`);
}
