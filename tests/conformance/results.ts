/** What the suite's report tells of each test, and how people read it. */
import * as v from "valibot";

/** One test and how it came out. */
export interface Result {
  readonly outcome: "passed" | "failed" | "skipped";
  readonly seconds: number;
  readonly name: string;
  /** Why it failed or was skipped, on one line; "" when it passed. */
  readonly reason: string;
}

/** The parts of ginkgo's JSON report that are read; Go writes null for an empty list. */
const REPORT = v.array(v.object({
  SpecReports: v.nullish(
    v.array(v.object({
      LeafNodeType: v.string(),
      LeafNodeText: v.string(),
      ContainerHierarchyTexts: v.nullish(v.array(v.string()), []),
      State: v.string(),
      RunTime: v.number(),
      Failure: v.nullish(v.object({ Message: v.optional(v.string(), "") })),
    })),
    [],
  ),
}));

type Spec = NonNullable<v.InferOutput<typeof REPORT>[number]["SpecReports"]>[number];

/** The tests of a report, by name; those that a filter left out are none. */
export function readResults(report: string): Result[] {
  const suites = v.parse(REPORT, JSON.parse(report));
  const specs = suites.flatMap((suite) => suite.SpecReports ?? []);
  return specs.flatMap(resultOf).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function resultOf(spec: Spec): Result[] {
  const outcome = spec.State === "passed" || spec.State === "skipped" ? spec.State : "failed";
  // What is no test, such as set-up of the whole suite, counts when it failed.
  if (spec.LeafNodeType !== "It" && outcome !== "failed") return [];
  const reason = (spec.Failure?.Message ?? "").replace(/\s+/g, " ").trim();
  // A test that called Skip says why; one that was filtered out doesn't.
  if (reason === "" && (outcome === "skipped" || spec.State === "pending")) return [];
  const name = [...spec.ContainerHierarchyTexts ?? [], spec.LeafNodeText].join(" ").trim();
  return [{ outcome, seconds: spec.RunTime / 1e9, name, reason }];
}

/** A line a test, columns with tabs between them, for comparing two runs. */
export function toTsv(results: readonly Result[]): string {
  const lines = results.map(({ outcome, seconds, name, reason }) =>
    [outcome, seconds.toFixed(1), name, reason].join("\t")
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** As much of a reason as is read on a terminal. */
const REASON_LENGTH = 300;

/** A line for each skip and each failure, and the count at the end. */
export function summarize(results: readonly Result[]): string {
  const linesOf = (outcome: Result["outcome"], word: string) =>
    results.filter((result) => result.outcome === outcome)
      .map(({ name, reason }) => `${word} ${name}: ${reason.slice(0, REASON_LENGTH)}`);
  const count = (outcome: Result["outcome"]) =>
    `${results.filter((result) => result.outcome === outcome).length} ${outcome}`;
  return [
    ...linesOf("skipped", "SKIP"),
    ...linesOf("failed", "FAIL"),
    `${count("passed")}, ${count("failed")}, ${count("skipped")}`,
  ].map((line) => `${line}\n`).join("");
}
