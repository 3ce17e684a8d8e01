/** Which of an index's manifests is meant for this machine. */

/** https://github.com/opencontainers/image-spec/blob/main/image-index.md, `platform`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const LINUX = "linux";
/** Deno's names of machines → those of images. */
const ARCHITECTURES: Record<string, string> = { x86_64: "amd64", aarch64: "arm64" };

/** The architecture of this machine in the words of images. */
export function imageArchitecture(arch: string = Deno.build.arch): string {
  return ARCHITECTURES[arch] ?? arch;
}

/** What runs on an architecture, the best first; variant "" is the one that all its machines have. */
function acceptable(architecture: string): readonly Omit<Platform, "os">[] {
  switch (architecture) {
    case "amd64":
      return [{ architecture: "amd64", variant: "" }, { architecture: "386", variant: "" }];
    case "arm64":
      return [
        { architecture: "arm64", variant: "" },
        ...["v8", "v7", "v6", "v5"].map((variant) => ({ architecture: "arm", variant })),
      ];
    default:
      return [{ architecture, variant: "" }];
  }
}

/** Different spellings of one platform: x86_64 is amd64, arm64/v8 is arm64, amd64/v1 is amd64. */
function normalised(platform: Platform): Platform {
  const architecture = ARCHITECTURES[platform.architecture] ?? platform.architecture;
  const os = platform.os.toLowerCase();
  const { variant } = platform;
  if (architecture === "amd64" && variant === "v1") return { os, architecture, variant: "" };
  if (architecture === "arm64" && (variant === "v8" || variant === "8")) {
    return { os, architecture, variant: "" };
  }
  if (architecture === "arm") {
    const named = variant === "" ? "v7" : variant.startsWith("v") ? variant : `v${variant}`;
    return { os, architecture, variant: named };
  }
  return { os, architecture, variant };
}

/** How well a platform fits a machine: 0 is best, undefined means that it doesn't run there. */
export function platformRank(platform: Platform, architecture: string): number | undefined {
  const wanted = normalised(platform);
  if (wanted.os !== LINUX) return undefined;
  const rank = acceptable(architecture).findIndex((it) =>
    it.architecture === wanted.architecture && it.variant === wanted.variant
  );
  return rank < 0 ? undefined : rank;
}

/**
 * The members of an index that fit, the best first; one that says nothing about its platform comes
 * last, and its configuration decides.
 */
export function fitting<T extends { platform: Platform | undefined }>(
  members: readonly T[],
  architecture: string,
): T[] {
  const ranked = members.flatMap((member) => {
    const { platform } = member;
    const rank = platform === undefined ? Infinity : platformRank(platform, architecture);
    return rank === undefined ? [] : [{ member, rank }];
  });
  return ranked.sort((a, b) => a.rank === b.rank ? 0 : a.rank - b.rank).map(({ member }) => member);
}

/** `linux/arm64`, as tools of the field write it. */
export function platformName(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, variant].filter((part) => part !== "").join("/");
}
