/** The rules that plugins made, by iptables' own programs; for audits, which no compartment does. */
import { CriError } from "../base/errors.ts";

export type Family = "iptables" | "ip6tables";

export interface Iptables {
  /** The table nat as iptables-save prints it; "" where there is no such program. */
  save(family: Family): Promise<string>;
  /** Applies commands beside what is there. @throws CriError with what iptables-restore said */
  restore(family: Family, commands: string, signal: AbortSignal): Promise<void>;
}

const WAIT_SECONDS = "10";

export const iptables: Iptables = {
  save: async (family) => {
    try {
      const { success, stdout } = await new Deno.Command(`${family}-save`, {
        args: ["-t", "nat"],
        stdin: "null",
        stderr: "null",
      }).output();
      return success ? new TextDecoder().decode(stdout) : "";
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  },
  restore: async (family, commands, signal) => {
    const child = new Deno.Command(`${family}-restore`, {
      args: ["--noflush", "--wait", WAIT_SECONDS],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
      signal,
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(commands));
    await writer.close();
    const { success, stderr } = await child.output();
    if (success) return;
    const said = new TextDecoder().decode(stderr).trim();
    throw new CriError("internal", `${family}-restore refused: ${said}`);
  },
};
