/** The engine's garbage collection, when a test wants it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

export const collectGarbage: () => void = runInNewContext("gc");
