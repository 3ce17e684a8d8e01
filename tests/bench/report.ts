/** Rows of numbers as tables, for a terminal and for the document. */
import { type Row, summarize, type Summary, type Unit } from "./statistics.ts";

const HEAD = ["", "ours", "built-in", "ratio", "rounds", "goal"] as const;

/** A row's cells, in the order of the heads. */
function cells(row: Row): string[] {
  const summary = summarize(row);
  const { ours, theirs } = summary;
  return [
    row.what,
    formatValue(ours, row.unit),
    theirs === undefined ? "" : formatValue(theirs, row.unit),
    // None where the other side has nothing.
    summary.ratio === undefined || Number.isNaN(summary.ratio) ? "" : summary.ratio.toFixed(2),
    formatSpread(summary),
    formatGoal(row, summary),
  ];
}

export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "-";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = value.toFixed(digits);
  return unit === "/s" ? `${text}/s` : `${text} ${unit}`.trimEnd();
}

function formatSpread({ spread }: Summary): string {
  return spread === undefined || spread.some(Number.isNaN)
    ? ""
    : `${spread[0].toFixed(2)}–${spread[1].toFixed(2)}`;
}

function formatGoal({ goal, theirs, unit }: Row, { isMet }: Summary): string {
  if (goal === undefined) return "";
  const limit = theirs.length > 0 ? String(goal.limit) : formatValue(goal.limit, unit);
  return `${goal.is === "atMost" ? "≤" : "≥"} ${limit} ${isMet === true ? "yes" : "NO"}`;
}

/** An aligned table: names to the left, numbers to the right. */
export function formatRows(rows: readonly Row[]): string {
  const lines = [[...HEAD], ...rows.map(cells)];
  const widths = HEAD.map((_, column) =>
    Math.max(...lines.map((line) => [...(line[column] ?? "")].length))
  );
  return lines.map((line) => {
    const padded = line.map((cell, column) =>
      column === 0 || column === HEAD.length - 1
        ? cell.padEnd(widths[column] ?? 0)
        : cell.padStart(widths[column] ?? 0)
    );
    return `  ${padded.join("   ")}`.trimEnd();
  }).join("\n") + "\n";
}

/** The same as a table in Markdown. */
export function markdownRows(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(HEAD) + line(["---", "---:", "---:", "---:", "---:", "---"]) +
    rows.map((row) => line(cells(row))).join("");
}
