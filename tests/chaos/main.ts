/** `./dev chaos`: a soak under kills, of any length. */
import { parseArgs } from "node:util";
import { soak } from "./soak.ts";

const HELP = `Usage: ./dev chaos [OPTION…]

Runs and removes pods while the daemon, containerd, shims and network plugins are killed or stand
still, the disk is full, and files can't be opened; removes what there is at the end, and sees that
nothing of any pod is left on the node.

  --seconds N  how long; 600
  --calm       nothing befalls them; what the daemon takes may not grow then
  --seed S     for the same choices again, 1; when each falls is the machine's own
`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    calm: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (values.help || !Number.isFinite(seconds) || !Number.isInteger(seed)) {
  console.log(HELP);
  Deno.exit(values.help ? 0 : 2);
}
const began = Date.now();
const report = (line: string) =>
  console.log(`${((Date.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
const { pods, disturbed, disturbances, rssMib: [half, end] } = await soak({
  seconds,
  seed,
  isCalm: values.calm,
  report,
});
console.log(
  `${pods} pods, ${disturbed} of them cut off by ${disturbances} disturbances; nothing is left; ` +
    `the daemon has ${end.toFixed(0)} MiB, and had ${half.toFixed(0)} at half time`,
);
