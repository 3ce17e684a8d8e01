/** The commands that show what a running daemon knows, with their flags and their help. */
import { type Command, InvalidArgumentError } from "commander";
import type { LogsFlags } from "./container_log.ts";
import type { NodeFlags } from "./node.ts";

export function addNodeCommands(program: Command, report: (exitCode: number) => void): void {
  const command = (usage: string, meaning: string) =>
    program.command(usage).description(meaning).option("--config <FILE>", "configuration");
  const json = ["--json", "for programs"] as const;
  command("pods", "list pods").option(...json).action(async (flags: NodeFlags) => {
    report(await (await import("./node.ts")).listPods(flags));
  });
  command("ps", "list running containers")
    .option(...json)
    .option("-a, --all", "and those that don't run")
    .action(async (flags: NodeFlags & { all?: boolean }) => {
      report(await (await import("./node.ts")).listContainers(flags));
    });
  command("stats", "show what running containers use")
    .option(...json)
    .option("-f, --follow", "again and again")
    .action(async (flags: NodeFlags & { follow?: boolean }) => {
      report(await (await import("./node.ts")).showStats(flags));
    });
  command("events", "show what happens to pods and containers, as it happens")
    .option(...json)
    .action(async (flags: NodeFlags) => {
      report(await (await import("./node.ts")).followEvents(flags));
    });
  command("logs <NAME>", "show the log of a container: its name, pod/name or id")
    .option("-f, --follow", "and what comes")
    .option("--tail <LINES>", "only so many lines from the end", wholeNumber)
    .option("--timestamps", "with the time of each line")
    .action(async (name: string, flags: LogsFlags) => {
      report(await (await import("./container_log.ts")).showLog(name, flags));
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(text);
}
