/** The options of the conformance suite's command. */
import { parseArgs } from "node:util";

export const CONTAINERD_LINES = ["1.6", "2.3"] as const;
export type ContainerdLine = typeof CONTAINERD_LINES[number];

export interface Options {
  /** Regular expressions on tests' full names: only these, and none of these. */
  readonly focus: string;
  readonly skip: string;
  /** How many tests run at a time. */
  readonly parallel: number;
  /** Which containerd the daemon starts: the distribution's, or our own build. */
  readonly containerd: ContainerdLine;
  /** Exec, attach and port-forward over WebSocket instead of SPDY. */
  readonly websocket: boolean;
  /** Where results stay; "" is a temporary folder, which stays when a test failed. */
  readonly out: string;
  /** Another server's socket, tested in place of a daemon of our own. */
  readonly socket: string;
  /** Order of the tests; "" is a random one, which is printed. */
  readonly seed: string;
}

export const HELP = `Usage: ./dev conformance [OPTION…]

Runs the Kubernetes CRI conformance suite on a daemon of its own.

  --focus RE            only tests whose full name matches
  --skip RE             no tests whose full name matches
  --parallel N          N tests at a time (1)
  --containerd 1.6|2.3  the containerd on PATH (1.6), or a build of 2.3 with its runc and plugins
  --websocket           streams over WebSocket instead of SPDY
  --out DIR             leave results.tsv, junit.xml, report.json, critest.log and daemon.log there
  --socket PATH         test the server on this socket instead
  --seed N              the order of the tests, as an earlier run printed it
`;

/** @throws Error that names the option which isn't understood */
export function parseOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      focus: { type: "string", default: "" },
      skip: { type: "string", default: "" },
      parallel: { type: "string", default: "1" },
      containerd: { type: "string", default: "1.6" },
      websocket: { type: "boolean", default: false },
      out: { type: "string", default: "" },
      socket: { type: "string", default: "" },
      seed: { type: "string", default: "" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const containerd = CONTAINERD_LINES.find((line) => line === values.containerd);
  if (containerd === undefined) {
    throw new Error(`--containerd is ${CONTAINERD_LINES.join(" or ")}, not "${values.containerd}"`);
  }
  if (!/^[1-9]\d?$/.test(values.parallel)) {
    throw new Error(`--parallel is a number from 1 to 99, not "${values.parallel}"`);
  }
  if (!/^\d{0,9}$/.test(values.seed)) throw new Error(`--seed is a number, not "${values.seed}"`);
  const { focus, skip, websocket, out, socket, seed } = values;
  const parallel = Number(values.parallel);
  return { focus, skip, parallel, containerd, websocket, out, socket, seed };
}
