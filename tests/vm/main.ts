/**
 * `./dev vm [NAME…]`: real machines, booted: one with systemd, cgroup v2, AppArmor, every capability
 * and a reboot, one with SELinux. What tests/vm/NAME.sh tries comes back over the serial console.
 */
import { print } from "../../src/cli/output.ts";
import { type Flavour, FLAVOURS } from "./flavours.ts";
import { type Machine, makeMachine } from "./image.ts";

/** Emulated in software, minutes are what it takes. */
const LIMIT_MS = 25 * 60_000;

const say = (line: string) => print(`${line}\n`);

/** Runs the machine until it is switched off; gives the lines of its console as they come. */
async function* boot(
  { disk, kernel, initrd }: Machine,
  words: string,
): AsyncGenerator<string> {
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048", "-nographic"],
      ...["-kernel", kernel, "-initrd", initrd, "-net", "none"],
      "-append",
      `root=/dev/vda rw console=ttyS0 ${words} quiet`,
      ...["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let rest = "";
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split(/\r*\n/);
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } finally {
    clearTimeout(limit);
    try {
      child.kill("SIGKILL");
    } catch {
      // It was switched off from inside.
    }
    await child.status;
  }
}

interface Total {
  passed: number;
  failed: number;
}

/** One machine's tests. @returns whether they came to their end */
async function run(flavour: Flavour, total: Total): Promise<boolean> {
  const scratch = await Deno.makeTempDir({ prefix: "cri-vm-" });
  let isWhole = false;
  try {
    const machine = await makeMachine(scratch, flavour, say);
    say("starting the machine");
    for await (const line of boot(machine, flavour.words)) {
      const [, told] = /vm: (.*)$/.exec(line) ?? [];
      if (told === undefined) continue;
      say(told);
      if (told.startsWith("ok ")) total.passed++;
      if (told.startsWith("FAIL ")) total.failed++;
      if (told === "end") isWhole = true;
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  if (!isWhole) say("the machine did not come to the end of its tests");
  return isWhole;
}

async function main(names: readonly string[]): Promise<number> {
  const chosen = FLAVOURS.filter(({ name }) => names.length === 0 || names.includes(name));
  if (chosen.length < names.length || chosen.length === 0) {
    say(`there are: ${FLAVOURS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const total = { passed: 0, failed: 0 };
  let areWhole = true;
  for (const flavour of chosen) areWhole = await run(flavour, total) && areWhole;
  say(`${total.passed} passed, ${total.failed} failed`);
  return areWhole && total.failed === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));
