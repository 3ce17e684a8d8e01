/** crictl, the kubelet's stand-in on the command line, as people use it. */
import type { Daemon } from "./daemon.ts";
import { skipUnless } from "./skip.ts";

/** Built by `./dev tools crictl`. */
export const CRICTL = new URL("../../.tools/bin/crictl", import.meta.url).pathname;

/** For tests outside tests/crictl, which is only run where crictl could be built. */
export const whereCrictlIs = skipUnless(
  await Deno.stat(CRICTL).then(() => true, () => false),
  "no crictl here, which takes Go to build",
);

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** crictl on the socket of one daemon. */
export interface Crictl {
  /** Runs a command and gives what it printed. @throws with its stderr when it failed */
  (...args: string[]): Promise<string>;
  /** Runs a command that may fail. */
  attempt(...args: string[]): Promise<Outcome>;
  /** Runs a command with `--output json` and gives the parsed answer. */
  json(command: string, ...args: string[]): Promise<Json>;
  /** Writes a request as a file for `runp` and `create`, and gives its path. */
  file(request: object): Promise<string>;
}

/** A parsed answer, to be looked into by tests. */
// deno-lint-ignore no-explicit-any
export type Json = any;

export function crictlOf(daemon: Pick<Daemon, "listen" | "dir">): Crictl {
  const attempt = async (...args: string[]): Promise<Outcome> => {
    const endpoint = `unix://${daemon.listen}`;
    const { code, stdout, stderr } = await new Deno.Command(CRICTL, {
      args: ["--config", "/dev/null", "-r", endpoint, "-i", endpoint, "-t", "60s", ...args],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await attempt(...args);
    if (code !== 0) throw new Error(`crictl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  return Object.assign(run, {
    attempt,
    json: async (command: string, ...args: string[]) =>
      JSON.parse(await run(command, "--output", "json", ...args)),
    file: async (request: object) => {
      const path = await Deno.makeTempFile({ dir: daemon.dir, suffix: ".json" });
      await Deno.writeTextFile(path, JSON.stringify(request));
      return path;
    },
  });
}
