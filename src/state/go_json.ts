/**
 * CRI messages as Go's encoding/json writes them: snake_case names, empty fields left out, 64-bit
 * integers as plain numbers, bytes as base64. containerd's CRI plugin stores its records so; writing
 * the same lets a node move between the two with its pods running.
 */

/** Names in the proto that aren't snake_case, which the rule below would get wrong. */
const ODD_NAMES = new Map([
  ["uidMappings", "uidMappings"],
  ["gidMappings", "gidMappings"],
  ["CDIDevices", "CDI_devices"],
]);

/** A protobuf message, or a part of one, as JSON text. Maps are proto maps: their keys stay. */
export function toGoJson(value: unknown): string {
  return write(value) ?? "{}";
}

function write(value: unknown): string | undefined {
  switch (typeof value) {
    case "bigint":
      return value.toString();
    case "string":
    case "number":
    case "boolean":
      return JSON.stringify(value);
    case "object":
      return value === null ? "null" : writeObject(value);
    default:
      return undefined;
  }
}

function writeObject(value: object): string {
  if (value instanceof Uint8Array) return JSON.stringify(value.toBase64());
  if (Array.isArray(value)) return `[${value.map((item) => write(item) ?? "null").join(",")}]`;
  const entries = value instanceof Map
    ? [...value].map(([key, item]) => [String(key), item] as const)
    : Object.entries(value).filter(([, item]) => !isEmpty(item))
      .map(([key, item]) => [toSnakeCase(key), item] as const);
  const fields = entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item) ?? "null"}`);
  return `{${fields.join(",")}}`;
}

/** What `omitempty` leaves out. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === 0 || value === 0n || value === "" || value === false) {
    return true;
  }
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return value instanceof Map && value.size === 0;
}

function toSnakeCase(key: string): string {
  return ODD_NAMES.get(key) ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Parses JSON, keeping integers that don't fit in a number as bigint.
 *
 * @throws SyntaxError on anything but JSON
 */
export function parseGoJson(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, revive);
}
