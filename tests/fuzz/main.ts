/** `./dev fuzz`: damaged input for everything that reads what others write. */
import { parseArgs } from "node:util";
import { type Target, tryTarget } from "./target.ts";
import { CRI_TARGETS } from "./targets_cri.ts";
import { FILE_TARGETS } from "./targets_files.ts";
import { GRPC_TARGETS } from "./targets_grpc.ts";
import { TRUST_TARGETS } from "./targets_trust.ts";
import { WIRE_TARGETS } from "./targets_wire.ts";

export const TARGETS: readonly Target[] = [
  ...CRI_TARGETS,
  ...FILE_TARGETS,
  ...GRPC_TARGETS,
  ...TRUST_TARGETS,
  ...WIRE_TARGETS,
];

const HELP = `Usage: ./dev fuzz [OPTION…]

Changes bytes of good input, cuts and doubles them, puts hostile words in, and sees that each reader
takes it or refuses it: no other error, no prototype changed.

  --cases N    how many inputs in all; 1,000,000
  --seed S     for the same inputs again; a new one each time
  --only WORD  only targets with this in their name
  --list       names of the targets
`;

/** A single input that takes longer is a fault too. */
const SLOW_MS = 5_000;

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: "string", default: "1000000" },
      seed: { type: "string" },
      only: { type: "string", default: "" },
      list: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return say(HELP);
  const targets = TARGETS.filter(({ name }) => name.includes(values.only));
  if (values.list === true) return say(targets.map(({ name }) => `${name}\n`).join(""));
  const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]) | 0;
  const cases = Math.ceil(Number(values.cases) / targets.length);
  if (!Number.isSafeInteger(cases) || targets.length === 0) return say(HELP) || 2;
  say(`${targets.length} targets, ${cases} cases each; again with --seed ${seed}\n`);
  let faults = 0;
  for (const target of targets) {
    const { failure, slowestMs, cases: tried } = await tryTarget(target, { cases, seed });
    const isSlow = slowestMs > SLOW_MS;
    if (failure !== undefined || isSlow) faults++;
    const word = failure !== undefined ? "FAIL" : isSlow ? "SLOW" : "ok";
    say(`${word.padEnd(4)}  ${target.name}: ${tried} cases, slowest ${slowestMs.toFixed(1)} ms\n`);
    if (failure !== undefined) say(`${failure}\n`);
  }
  say(`${faults} faults\n`);
  return faults === 0 ? 0 : 1;
}

function say(text: string): 0 {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
