/** What a container's process is: arguments, environment, working directory. */
import { invalidArgument } from "../base/errors.ts";
import type { ContainerConfig } from "../gen/cri/v1/api.ts";
import type { ImageConfig } from "./input.ts";
import { cleanPath } from "./path.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A folder of the process's own open files is the node's to a process that starts there. */
const OPEN_FILES = /^\/proc\/(self|thread-self|[0-9]+)\/(fd|cwd|root|task|map_files)(\/|$)/;

/**
 * The arguments: a command in the request replaces the image's entrypoint and drops its Cmd,
 * arguments replace Cmd alone.
 *
 * @throws CriError invalidArgument when neither request nor image says what to run
 */
export function processArgs(
  { command, args }: Pick<ContainerConfig, "command" | "args">,
  image: ImageConfig,
): string[] {
  return checkedProgram(allArgs({ command, args }, image));
}

/** The kernel's bound; a runtime that meets a longer one doesn't get to say so. */
const MAX_PATH = 4096;

function checkedProgram(all: string[]): string[] {
  const program = all[0] ?? "";
  if (program.length <= MAX_PATH) return all;
  throw invalidArgument("config.command", `the program's name has over ${MAX_PATH} characters`);
}

function allArgs(
  { command, args }: Pick<ContainerConfig, "command" | "args">,
  image: ImageConfig,
): string[] {
  if (command.length > 0) return [...command, ...args];
  // Builders write [""] for an entrypoint that was taken back.
  const hasEntrypoint = image.entrypoint.some((part) => part !== "");
  const all = [
    ...(hasEntrypoint ? image.entrypoint : []),
    ...(args.length > 0 ? args : image.cmd),
  ];
  if (all.length === 0) {
    throw invalidArgument("config.command", "no command specified, and the image has none either");
  }
  return all;
}

/** PATH, TERM, HOSTNAME, the image's variables, then the request's; the last of a name wins. */
export function processEnv(
  { envs, tty }: Pick<ContainerConfig, "envs" | "tty">,
  { image, hostname }: { image: ImageConfig; hostname: string },
): string[] {
  const values = new Map([["PATH", DEFAULT_PATH]]);
  if (tty) values.set("TERM", "xterm");
  if (hostname !== "") values.set("HOSTNAME", hostname);
  imageEnv(values, image);
  // A value may begin with a byte order mark: it is the user's.
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  for (const { key, value } of envs) values.set(key, utf8.decode(value));
  return lines(values);
}

/** The variables of a sandbox: what its image says. */
export function sandboxEnv(image: ImageConfig): string[] {
  const values = new Map([["PATH", DEFAULT_PATH]]);
  imageEnv(values, image);
  return lines(values);
}

/** A name without a value takes the variable away. */
function imageEnv(values: Map<string, string>, image: ImageConfig): void {
  for (const entry of image.env) {
    const at = entry.indexOf("=");
    if (at < 0) values.delete(entry);
    else if (at > 0) values.set(entry.slice(0, at), entry.slice(at + 1));
  }
}

function lines(values: Map<string, string>): string[] {
  return [...values].map(([name, value]) => `${name}=${value}`);
}

/**
 * The working directory: the request's, else the image's, else `/`.
 *
 * @throws CriError invalidArgument for one through /proc's links to open files (CVE-2024-21626)
 */
export function workingDir(
  config: Pick<ContainerConfig, "workingDir">,
  image: ImageConfig,
): string {
  const isRequests = config.workingDir !== "";
  const path = cleanPath(isRequests ? config.workingDir : image.workingDir);
  if (!OPEN_FILES.test(path)) return path;
  throw invalidArgument(
    isRequests ? "config.working_dir" : "the image's WorkingDir",
    `${JSON.stringify(path)} leads to the runtime's own files`,
  );
}
