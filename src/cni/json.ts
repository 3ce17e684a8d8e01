/** JSON as people write it into files: an error says at which line and column, and what is wrong. */

export type JsonObject = Record<string, unknown>;

export type ParsedJson = { readonly value: unknown } | { readonly problem: string };

/** The value of a JSON text, or where the text stops being JSON: "line 3, column 9: …". */
export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { problem: describe(text) };
  }
}

/** JSON text; a bigint is written as the integer it is, exact up to 2⁵³. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item) => typeof item === "bigint" ? Number(item) : item);
}

/** Whether a value is a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON.parse doesn't always tell the place, so the text is gone through once more. */
function describe(text: string): string {
  const { at, expected } = new Scanner(text).scan() ?? { at: text.length, expected: "JSON" };
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return `line ${line}, column ${column}: ${expected}`;
}

interface Fault {
  at: number;
  expected: string;
}

// deno-lint-ignore no-control-regex -- JSON forbids them in strings
const STRING = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;
/** Deeper texts are not looked through; JSON.parse has found them wrong already. */
const MAX_DEPTH = 200;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): Fault | undefined {
    const fault = this.#value(0);
    if (fault !== undefined) return fault;
    this.#skip(SPACE);
    return this.#at < this.#text.length ? this.#fault("nothing more") : undefined;
  }

  #value(depth: number): Fault | undefined {
    this.#skip(SPACE);
    if (depth > MAX_DEPTH) return this.#fault("less nesting");
    switch (this.#text[this.#at]) {
      case "{":
        return this.#list("}", () => this.#member(depth));
      case "[":
        return this.#list("]", () => this.#value(depth + 1));
      case '"':
        return this.#skip(STRING) ? undefined : this.#fault("a string that ends on its line");
    }
    return this.#skip(SCALAR) ? undefined : this.#fault("a value");
  }

  #member(depth: number): Fault | undefined {
    if (!this.#skip(STRING)) return this.#fault("a name in double quotes");
    this.#skip(SPACE);
    if (!this.#take(":")) return this.#fault('":"');
    return this.#value(depth + 1);
  }

  #list(end: string, item: () => Fault | undefined): Fault | undefined {
    this.#at++;
    this.#skip(SPACE);
    if (this.#take(end)) return undefined;
    for (;;) {
      const fault = item();
      if (fault !== undefined) return fault;
      this.#skip(SPACE);
      if (this.#take(end)) return undefined;
      if (!this.#take(",")) return this.#fault(`"," or "${end}"`);
      this.#skip(SPACE);
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #fault(expected: string): Fault {
    const char = this.#text[this.#at];
    const found = char === undefined ? "the text ends" : `${JSON.stringify(char)} stands`;
    return { at: this.#at, expected: `${found} where ${expected} should be` };
  }
}
