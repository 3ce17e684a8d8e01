/** Where the two sides of the comparison come from: our proto/, and the published Go modules. */
import * as v from "valibot";
import { findGo } from "../world/programs.ts";
import { ROOT } from "../check/source.ts";

/** What can't be had here, in words for a skip. */
export interface Missing {
  readonly because: string;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

const { tasks } = v.parse(
  v.object({ tasks: v.object({ gen: v.string() }) }),
  JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)),
);
/** The task that generates names the version of buf. */
export const BUF: string = /npm:@bufbuild\/buf@[^/]+\/buf/.exec(tasks.gen)?.[0] ?? "";

/** Our contract, encoded; or why buf isn't to be had. */
export async function ownDescriptors(): Promise<Uint8Array | Missing> {
  const cwd = `${ROOT}proto`;
  const args = ["run", "-q", "-P=dev", BUF];
  const program = Deno.execPath();
  const there = await attempt({ program, args: [...args, "--version"], cwd });
  if (!there.success) return { because: `buf can't be had here (${lastLine(there.stderr)})` };
  return await output({ program, args: [...args, "build", "-o", "-"], cwd });
}

/** The published contracts, encoded; or why they aren't to be had. */
export async function publishedDescriptors(): Promise<Uint8Array | Missing> {
  const program = await findGo();
  if (program === undefined) return { because: "no Go here to read the published contract with" };
  const cwd = `${ROOT}tests/contract/descriptors`;
  const fetched = await attempt({ program, args: ["mod", "download"], cwd });
  if (!fetched.success) return { because: `no Go modules here (${lastLine(fetched.stderr)})` };
  return await output({ program, args: ["run", "-buildvcs=false", "."], cwd });
}

async function attempt({ program, args, cwd }: Command) {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
  }).output();
  return { success, stdout, stderr: new TextDecoder().decode(stderr) };
}

async function output(command: Command): Promise<Uint8Array> {
  const { success, stdout, stderr } = await attempt(command);
  if (!success) throw new Error(`${command.program} ${command.args.join(" ")}: ${stderr}`);
  return stdout;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
