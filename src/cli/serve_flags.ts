/** The flags of `serve`: read without commander, whose loading would cost a tenth of the start. */

export interface ServeFlags {
  config?: string;
  logLevel?: string;
  logFormat?: string;
  root?: string;
  state?: string;
  listen?: string;
  failPoint?: string;
}

/** Each flag with its argument's name and its meaning, for help as well. */
export const SERVE_FLAGS: readonly {
  name: keyof ServeFlags;
  flag: string;
  argument: string;
  meaning: string;
  isHidden?: boolean;
}[] = [
  {
    name: "config",
    flag: "--config",
    argument: "FILE",
    meaning: "configuration (default: /etc/cri-containerd/config.toml)",
  },
  { name: "logLevel", flag: "--log-level", argument: "LEVEL", meaning: "instead of log.level" },
  { name: "logFormat", flag: "--log-format", argument: "FORMAT", meaning: "instead of log.format" },
  { name: "root", flag: "--root", argument: "DIR", meaning: "instead of root" },
  { name: "state", flag: "--state", argument: "DIR", meaning: "instead of state" },
  { name: "listen", flag: "--listen", argument: "SOCKET", meaning: "instead of listen" },
  {
    name: "failPoint",
    flag: "--fail-point",
    argument: "POINT",
    meaning: 'for tests: a stage that fails, such as "error after attach the network"',
    isHidden: true,
  },
];

/** The flags; undefined when they aren't understood, for commander to say why. */
export function parseServeFlags(args: readonly string[]): ServeFlags | undefined {
  const flags: ServeFlags = {};
  for (let at = 0; at < args.length; at++) {
    const [flag = "", ...inline] = (args[at] ?? "").split("=");
    const known = SERVE_FLAGS.find((candidate) => candidate.flag === flag);
    const value = inline.length > 0 ? inline.join("=") : args[++at];
    if (known === undefined || value === undefined || value.startsWith("-")) return undefined;
    flags[known.name] = value;
  }
  return flags;
}
