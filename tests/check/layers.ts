/** Which way imports may go, and who may use what. */

/** From top to bottom; a folder imports from those below its own line only. */
export const LAYERS: readonly (readonly string[])[] = [
  ["cli"],
  ["audit", "doctor"],
  ["supervisor"],
  ["compartments"],
  // Drivers: something outside calls in. The CRI hands out what the other two have.
  ["cri"],
  ["streaming", "events"],
  // The domain.
  ["pods"],
  ["containers"],
  ["images", "node"],
  // Facts and pure building.
  ["state", "oci", "logs", "stats"],
  // Adapters: the outside world.
  ["containerd", "cni", "registry", "linux"],
  // Ground.
  ["config", "grpc"],
  ["base", "gen"],
];

/** Generated code and packages that only these folders and files of src/ may import. */
const OWNERS: readonly { readonly what: RegExp; readonly by: readonly string[] }[] = [
  {
    what: /^src\/gen\/cri\//,
    // The server compartment names the two services that it serves; container events are the CRI's.
    by: [
      ...["cri", "pods", "containers", "images", "node", "state", "oci", "stats"],
      ...["compartments/server.ts", "events/container_events.ts"],
    ],
  },
  { what: /^src\/gen\/containerd\//, by: ["containerd"] },
  { what: /^src\/grpc\//, by: ["grpc", "cri", "containerd"] },
  { what: /^@bufbuild\/protobuf/, by: ["gen", "containerd", "cri", "state"] },
  { what: /^commander$/, by: ["cli"] },
  { what: /^smol-toml$/, by: ["config", "supervisor", "registry"] },
  { what: /^@logtape\/logtape$/, by: ["base"] },
  // Programs are run by Deno.Command, whose permission is narrowed to single files.
  { what: /^node:(child_process|cluster|worker_threads)$/, by: [] },
];

/** One import of the graph; `to` is a file of the project, or a package. */
export interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** The imports that go the wrong way, in words. */
export function wrongImports(imports: readonly Import[]): string[] {
  return imports.flatMap((one) => {
    const wrong = wrongDirection(one) ?? wrongOwner(one);
    return wrong === undefined ? [] : [`${one.from}:${one.line}: ${wrong}`];
  });
}

function wrongDirection({ from, to }: Import): string | undefined {
  if (!from.startsWith("src/")) return undefined;
  if (to.startsWith("tests/")) return `imports ${to}, and tests aren't shipped`;
  if (!to.startsWith("src/")) return undefined;
  const [a, b] = [folderOf(from), folderOf(to)];
  if (a === b) return undefined;
  const [rankA, rankB] = [rankOf(a), rankOf(b)];
  if (rankA < 0 || rankB < 0) return `${rankA < 0 ? a : b}/ has no place in the layers`;
  return rankA < rankB ? undefined : `${a}/ imports ${to}, which isn't below it`;
}

function wrongOwner({ from, to }: Import): string | undefined {
  if (!from.startsWith("src/") || from.startsWith("src/gen/")) return undefined;
  const owner = OWNERS.find(({ what }) => what.test(to));
  if (owner === undefined) return undefined;
  const path = from.slice("src/".length);
  const isOwner = owner.by.some((by) => path === by || path.startsWith(`${by}/`));
  return isOwner ? undefined : `imports ${to}, which is for ${owner.by.join(", ") || "nobody"}`;
}

function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function rankOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}
