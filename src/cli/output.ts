/** The only way to stdout, and how things look there. */

const encoder = new TextEncoder();

/** Writes text to stdout at once; a reader that went away (`| head`) ends the command quietly. */
export function print(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes bytes to stdout as they come, no faster than they are read there. */
export async function printBytes(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await ReadableStream.from(bytes).pipeTo(Deno.stdout.writable);
}

/** Whether a person looks at stdout. */
export function isTerminal(): boolean {
  return Deno.stdout.isTerminal();
}

/** Writes a message for people to stderr. */
export function printError(text: string): void {
  writeAll(Deno.stderr, text);
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

/** A value as JSON for programs; numbers too big for it become strings. */
export function printJson(value: unknown): void {
  const replace = (_key: string, entry: unknown) =>
    typeof entry === "bigint" ? String(entry) : entry;
  print(`${JSON.stringify(value, replace, 2)}\n`);
}

/** Rows under their heads, columns aligned, without blanks at the ends of lines. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => [...(line[column] ?? "")].length))
  );
  const text = lines.map((line) =>
    head.map((_, column) => (line[column] ?? "").padEnd(widths[column] ?? 0)).join("   ").trimEnd()
  );
  return `${text.join("\n")}\n`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes with three digits: 999 B, 1.23 MB, 45.6 GB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
