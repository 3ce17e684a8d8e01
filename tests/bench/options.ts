/** The options of the benchmark's command. */
import { parseArgs } from "node:util";
import { PROFILE, SECTION_NAMES, type SectionName, TRACE } from "./sections/names.ts";

export interface Options {
  readonly sections: readonly SectionName[];
  /** Show where the time goes instead of measuring. */
  readonly shows: typeof TRACE | typeof PROFILE | undefined;
  /** Where that is written: a file, and a folder of profiles. */
  readonly showInto: string;
  /** Another server's socket in place of containerd's own CRI. */
  readonly against: string;
  /** Which containerd both sides have: the distribution's, or our own build. */
  readonly containerd: "1.6" | "2.3";
  /** How many pairs of rounds; 0 is each section's own number. */
  readonly rounds: number;
  /** Where the numbers of all rounds go; "" is nowhere. */
  readonly json: string;
  /** Whether docs/performance.md is written anew. */
  readonly write: boolean;
  /** An earlier run's numbers to compare with; "" compares with nothing. */
  readonly compare: string;
}

const QUICK_SECTIONS = ["pods", "streams"] as const satisfies SectionName[];
const QUICK_ROUNDS = 2;

export const HELP = `Usage: ./dev bench [SECTION…] [OPTION…]
       ./dev bench trace [FILE]
       ./dev bench profile [FOLDER]

Measures pairs of rounds, this daemon and containerd's own CRI in turn, each on a containerd of its
own with the same runc, network plugins and kind of network. Sections: ${SECTION_NAMES.join(", ")}.
trace writes one pod's start and stop as a timeline for chrome://tracing or Perfetto, profile V8's
profiles of the compartments under load.

  --against SOCKET      the server on this socket instead of containerd's own CRI
  --containerd 1.6|2.3  the containerd on PATH (1.6), or a build of 2.3 with its runc and plugins
  --rounds N            N pairs of rounds
  --json FILE           leave the numbers of all rounds there
  --quick               what takes a minute or two: pods and streams, two pairs of rounds each
  --compare FILE        say what is worse than FILE's numbers, which --json or --write left
  --write               put the sections measured into docs/performance.md and .json
`;

/** @throws Error that names what isn't understood */
export function parseOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: "string", default: "" },
      containerd: { type: "string", default: "1.6" },
      rounds: { type: "string", default: "0" },
      json: { type: "string", default: "" },
      write: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      compare: { type: "string", default: "" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const rounds = Number(values.quick && values.rounds === "0" ? QUICK_ROUNDS : values.rounds);
  if (!Number.isInteger(rounds) || rounds < 0) {
    throw new Error(`--rounds ${values.rounds} is no whole number`);
  }
  const { containerd, against, json, write, compare } = values;
  if (containerd !== "1.6" && containerd !== "2.3") {
    throw new Error(`--containerd ${containerd}: there are 1.6 and 2.3`);
  }
  const [first = "", into] = positionals;
  const shows = first === TRACE || first === PROFILE ? first : undefined;
  const chosen = shows === undefined ? positionals.map(sectionName) : [];
  const usual = values.quick ? QUICK_SECTIONS : SECTION_NAMES;
  return {
    sections: chosen.length === 0 ? usual : chosen,
    shows,
    showInto: into ?? (shows === TRACE ? "trace.json" : "profiles"),
    against,
    containerd,
    rounds,
    json,
    write,
    compare,
  };
}

function sectionName(word: string): SectionName {
  const name = SECTION_NAMES.find((name) => name === word);
  if (name === undefined) {
    throw new Error(`no section ${word}; there are ${SECTION_NAMES.join(", ")}`);
  }
  return name;
}
