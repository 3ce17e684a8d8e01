/** Files and functions stay small enough to be read at once. */
import assert from "node:assert/strict";
import { BUDGET, type Budget, overBudget } from "./budgets.ts";
import { describe, filesUnder, readSource } from "./source.ts";

/** What may be longer, each with its reason. */
const ALLOWED: Readonly<Record<string, Partial<Budget>>> = {
  // The list of what every verb gets, which splitting would only scatter.
  "src/compartments/composition.ts": { functionLines: 90 },
  // The options of a call come last everywhere in containerd/, after key, parent and labels.
  "src/containerd/snapshots.ts": { parameters: 4 },
  // A listing of machine code, one instruction a line.
  "src/images/pause_program.ts": { functionLines: 70, parameters: 4 },
};

/** A test is read from top to bottom, with the world that it makes. */
const TEST_BUDGET: Budget = { fileLines: 400, functionLines: 90, parameters: 4 };

function budgetOf(path: string): Budget {
  const isTest = path.startsWith("tests/") || path.endsWith("_test.ts");
  return isTest ? TEST_BUDGET : { ...BUDGET, ...ALLOWED[path] };
}

Deno.test("files have at most 300 lines, functions 60, and take at most 3 parameters", async () => {
  const over: string[] = [];
  for (const path of [...await filesUnder("src"), ...await filesUnder("tests")]) {
    over.push(...describe(path, overBudget(path, await readSource(path), budgetOf(path))));
  }
  assert.deepEqual(over, []);
});

Deno.test("what is allowed to be longer is there and is longer", async () => {
  for (const path of Object.keys(ALLOWED)) {
    assert.notDeepEqual(overBudget(path, await readSource(path)), [], path);
  }
});

Deno.test("overBudget() finds long files, long functions and long lists of parameters", () => {
  const budget = { fileLines: 5, functionLines: 2, parameters: 1 };
  const text =
    "function long() {\n\n}\nconst wide = (a: 1, b: 2) => a;\nclass A {\n  m() {\n\n  }\n}";
  assert.deepEqual(describe("a.ts", overBudget("a.ts", text, budget)), [
    "a.ts:1: 9 lines, more than 5",
    "a.ts:1: a function of 3 lines, more than 2",
    "a.ts:4: a function of 2 parameters, more than 1",
    "a.ts:6: a function of 3 lines, more than 2",
  ]);
});
