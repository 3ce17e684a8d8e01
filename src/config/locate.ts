/**
 * On which line of a TOML text each key stands. The parser doesn't tell.
 *
 * The text has been parsed before, so only the structure is followed: headers, keys, and how far
 * a value reaches. Keys inside inline tables are found at their table's line by {@link lineOf}.
 */

/** Lines (from 1) by path; a path is the key's parts joined by NUL. */
export type Lines = ReadonlyMap<string, number>;

const SEPARATOR = "\0";

/** The lines of all headers and keys. Of a key that is there twice, the first. */
export function locateKeys(toml: string): Lines {
  const cursor = new Cursor(toml);
  const lines = new Map<string, number>();
  let table: string[] = [];
  const note = (path: string[], line: number) => {
    for (let length = 1; length <= path.length; length++) {
      const key = path.slice(0, length).join(SEPARATOR);
      if (!lines.has(key)) lines.set(key, line);
    }
  };
  while (cursor.skipBlank()) {
    const line = cursor.line;
    if (cursor.peek() === "[") {
      table = cursor.header();
      // A header names its own line even where a longer one came before.
      lines.set(table.join(SEPARATOR), line);
      note(table, line);
    } else {
      note([...table, ...cursor.keyPath("=")], line);
      cursor.skipValue();
    }
  }
  return lines;
}

/** The line of a key, or of the nearest table around it that is written; 0 when there is none. */
export function lineOf(lines: Lines, path: readonly string[]): number {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(path.slice(0, length).join(SEPARATOR));
    if (line !== undefined) return line;
  }
  return 0;
}

class Cursor {
  readonly #text: string;
  #at = 0;
  #countedTo = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** The present line, from 1. */
  get line(): number {
    for (; this.#countedTo < this.#at; this.#countedTo++) {
      if (this.#text[this.#countedTo] === "\n") this.#line++;
    }
    return this.#line;
  }

  peek(): string {
    return this.#text[this.#at] ?? "";
  }

  /** Goes to the next thing that is neither white space nor a comment; false at the end. */
  skipBlank(): boolean {
    this.#match(/(?:\s|#[^\n]*|\uFEFF)*/y);
    return this.#at < this.#text.length;
  }

  /** The parts of `[a.b]` or `[[a.b]]`. */
  header(): string[] {
    this.#match(/\[\[?/y);
    const path = this.keyPath("]");
    this.#match(/\]?[^\n]*/y);
    return path;
  }

  /** The parts of a dotted key up to and over its end character. */
  keyPath(end: "=" | "]"): string[] {
    const path: string[] = [];
    while (this.#at < this.#text.length) {
      this.#match(/[ \t.]*/y);
      if (this.peek() === end) break;
      const quoted = this.#match(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y);
      const bare = quoted === "" ? this.#match(/[^\s.="'\]]+/y) : "";
      if (quoted === "" && bare === "") break;
      path.push(quoted === "" ? bare : unquote(quoted));
    }
    this.#at++;
    return path;
  }

  /** Goes behind a value: to the end of its line, or of the last line of what is bracketed. */
  skipValue(): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const isString = this.#match(
        /"""(?:[^\\]|\\[^])*?"{3,5}|'''[^]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y,
      ) !== "";
      if (isString || this.#match(/#[^\n]*/y) !== "") continue;
      const char = this.peek();
      this.#at++;
      if (char === "[" || char === "{") depth++;
      else if (char === "]" || char === "}") depth--;
      else if (char === "\n" && depth <= 0) return;
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}

function unquote(quoted: string): string {
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === "string" ? value : quoted.slice(1, -1);
  } catch {
    // An escape that TOML has and JSON hasn't: good enough to point at a line.
    return quoted.slice(1, -1);
  }
}
