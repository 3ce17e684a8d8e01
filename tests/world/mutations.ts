/** Every way in which one field of a request can be wrong. */

export interface Mutation {
  /** The field and what is wrong with it: `config.linux.cgroupParent is "\0"`. */
  readonly what: string;
  readonly message: object;
}

const TEXTS = ["", "a\0b", "x".repeat(100_000), "../../../etc", "\n"];
const NUMBERS = [-1, 99, 2 ** 31 - 1];
const BIGINTS = [-1n, 2n ** 63n - 1n, -(2n ** 63n)];

/**
 * The message with one field at a time missing, empty, negative, huge, with a NUL or of no known
 * value. Fields that the message leaves empty are not looked into: give it one of each.
 */
export function* mutations(message: object): Generator<Mutation> {
  for (const { path, value } of leavesOf(message, [])) {
    for (const other of othersOf(value)) {
      const what = `${path.join(".")} is ${show(other)}`;
      yield { what, message: withValue(message, path, other) };
    }
  }
}

function show(value: unknown): string {
  if (value instanceof Map) return `a map of ${show([...value])}`;
  const exact = (_key: string, it: unknown) => typeof it === "bigint" ? `${it}n` : it;
  const text = JSON.stringify(value, exact) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text;
}

type Key = string | number;

function* leavesOf(value: unknown, path: Key[]): Generator<{ path: Key[]; value: unknown }> {
  if (path.length > 0) yield { path, value };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* leavesOf(item, [...path, index]);
  } else if (isMessage(value)) {
    for (const [key, item] of Object.entries(value)) yield* leavesOf(item, [...path, key]);
  }
}

function isMessage(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Map) &&
    !(value instanceof Uint8Array);
}

function othersOf(value: unknown): unknown[] {
  switch (typeof value) {
    case "string":
      return TEXTS.filter((text) => text !== value);
    case "number":
      return NUMBERS.filter((number) => number !== value);
    case "bigint":
      return BIGINTS.filter((number) => number !== value);
    case "boolean":
      return [!value];
    default:
      break;
  }
  if (Array.isArray(value)) return [[]];
  if (value instanceof Map) {
    return [new Map(), ...TEXTS.map((text) => new Map([[text, "v"]])), new Map([["k", "\0"]])];
  }
  return isMessage(value) ? [undefined] : [];
}

function withValue(message: unknown, [key, ...rest]: Key[], value: unknown): object {
  if (key === undefined || typeof message !== "object" || message === null) {
    throw new Error("the path leads nowhere");
  }
  const inner: unknown = Reflect.get(message, key);
  const changed = rest.length === 0 ? value : withValue(inner, rest, value);
  if (Array.isArray(message)) {
    return message.map((item, index) => index === key ? changed : item);
  }
  return { ...message, [key]: changed };
}
