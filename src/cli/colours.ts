/** Colours, where a person looks: https://no-color.org and a terminal decide. */
import { isTerminal } from "./output.ts";

export type Colour = "green" | "red" | "yellow" | "dim";

const CODES: Readonly<Record<Colour, number>> = { green: 32, red: 31, yellow: 33, dim: 2 };

export function isColourful(): boolean {
  return isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "";
}

/** A table with each line below its heads in a colour. */
export function painted(table: string, colours: readonly Colour[]): string {
  return table.split("\n").map((line, at) => {
    const colour = colours[at - 1];
    return colour === undefined ? line : inColour(line, colour);
  }).join("\n");
}

export function inColour(text: string, colour: Colour): string {
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
