import assert from "node:assert/strict";
import { Signal } from "../gen/cri/v1/api.ts";
import { signalNumber, toCriSignal } from "./signals.ts";

const CASES: [name: string, number: number, cri: Signal][] = [
  ["", 15, Signal.SIGTERM],
  ["SIGTERM", 15, Signal.SIGTERM],
  ["term", 15, Signal.SIGTERM],
  ["9", 9, Signal.SIGKILL],
  ["SIGUSR1", 10, Signal.SIGUSR1],
  ["SIGRTMIN+3", 37, Signal.SIGRTMINPLUS3],
  ["SIGRTMINPLUS3", 37, Signal.SIGRTMINPLUS3],
  ["RTMAX-1", 63, Signal.SIGRTMAXMINUS1],
  ["SIGWINCH", 28, Signal.SIGWINCH],
  ["nonsense", 15, Signal.SIGTERM],
  ["0", 15, Signal.SIGTERM],
  ["999", 15, Signal.SIGTERM],
];

for (const [name, number, cri] of CASES) {
  Deno.test(`signalNumber() and toCriSignal() know ${JSON.stringify(name)}`, () => {
    assert.equal(signalNumber(name), number);
    assert.equal(toCriSignal(name), cri);
  });
}
