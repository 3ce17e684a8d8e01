/** The options of `./dev compile`. */
import { parseArgs } from "node:util";
import { type Arch, isArch, TARGETS } from "./plan.ts";

export interface Options {
  readonly targets: readonly Arch[];
  /** The folder that executables and releases are put into. */
  readonly output: string;
  /** Where releases will be found, for the install.sh among them; "" leaves that to its users. */
  readonly url: string;
}

export const HELP = `Usage: ./dev compile [OPTION…]

Makes the executable of what is committed, and a release with install.sh, completions and a man
page around it: dist/cri-containerd-VERSION-linux-ARCH, the same with .tar.gz, and sha256sums.

  --target ARCH   ${Object.keys(TARGETS).join(" or ")}; may be repeated; this machine's if left out
  --output DIR    instead of dist/
  --url BASE      where releases will lie, as https://host/owner/name/releases: install.sh
                  fetches BASE/download/vVERSION/FILE and BASE/latest/download/VERSION

Deno fetches denort, its runtime for executables, from its own servers; DENORT_BIN names one where
there is no internet. It has to be of the very version of the deno that compiles.
`;

/** @throws Error that names what isn't understood */
export function parseOptions(args: readonly string[], host: string): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: "string", multiple: true, default: [host] },
      output: { type: "string", default: "dist" },
      url: { type: "string", default: "" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const targets = [...new Set(values.target)].map((word) => {
    if (isArch(word)) return word;
    throw new Error(`--target ${word}: there is no executable for it, only for ${known()}`);
  });
  if (!/^(?:https?:\/\/[^\s"'$`\\]+)?$/.test(values.url)) {
    throw new Error(`--url ${values.url}: it begins with https:// and has no quotes or blanks`);
  }
  return { targets, output: values.output, url: values.url.replace(/\/+$/, "") };
}

function known(): string {
  return Object.keys(TARGETS).join(" and ");
}
