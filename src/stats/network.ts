/** What went through the interfaces of a network namespace. */
import { parseNumber, type ReadFile } from "./cgroup_files.ts";

export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
}

/** Interfaces of a process's namespace but for the loopback; undefined when it has ended. */
export function interfacesOf(read: ReadFile, pid: number): InterfaceCounters[] | undefined {
  const text = read(`/proc/${pid}/net/dev`);
  return text === undefined ? undefined : parseNetDev(text);
}

/** See proc_pid_net(5): two lines of headings, then a line for each interface. */
export function parseNetDev(text: string): InterfaceCounters[] {
  const interfaces: InterfaceCounters[] = [];
  for (const line of text.split("\n").slice(2)) {
    // An alias of an interface has a colon in its name.
    const colon = line.lastIndexOf(":");
    const name = line.slice(0, colon).trim();
    const numbers = line.slice(colon + 1).trim().split(/\s+/);
    if (colon < 0 || name === "lo" || numbers.length < 12) continue;
    const at = (index: number) => parseNumber(numbers[index]) ?? 0n;
    interfaces.push({
      name,
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    });
  }
  return interfaces;
}
