/** The part of containerd's filter language that the daemon uses. */

/** A value's fields as filters name them: `name`, `labels.K`, … */
export type FieldsOf<T> = (value: T) => (path: string) => string | undefined;

const TERM =
  /^([a-z_]+)((?:\.(?:"(?:[^"\\]|\\.)*"|[^.=~!,"]+))*)(?:(==|!=|~=)("(?:[^"\\]|\\.)*"|[^,/|"][^,]*)?)?(?:,|$)/;

/** Whether one of the filters fits; an empty list fits everything. */
export function fits(filters: readonly string[], field: (path: string) => string | undefined) {
  return filters.length === 0 || filters.some((filter) => termsOf(filter).every((t) => t(field)));
}

function termsOf(filter: string): ((field: (path: string) => string | undefined) => boolean)[] {
  const terms = [];
  for (let rest = filter; rest !== "";) {
    const match = TERM.exec(rest);
    if (match === null) throw new Error(`the fake doesn't know the filter ${filter}`);
    const [text, head = "", tail = "", operator, operand = ""] = match;
    const path = head + tail.replaceAll('"', "");
    const wanted = operand.startsWith('"') ? JSON.parse(operand) : operand;
    terms.push((field: (path: string) => string | undefined) => {
      const value = field(path);
      if (operator === "==") return value === wanted;
      if (operator === "!=") return value !== wanted;
      if (operator === "~=") return value !== undefined && new RegExp(wanted).test(value);
      return value !== undefined;
    });
    rest = rest.slice(text.length);
  }
  return terms;
}

/** Reads `labels.K` from a map, anything else from the record of plain fields. */
export function fieldsOf(
  plain: Record<string, string>,
  labels: Map<string, string>,
): (path: string) => string | undefined {
  return (path) =>
    path.startsWith("labels.") ? labels.get(path.slice("labels.".length)) : plain[path];
}
