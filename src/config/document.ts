/** The table as text: the commented default file, the page of docs/ and completion's words. */
import { showKey } from "./check.ts";
import type { AnyField, Folders, Named, Node, Section, Shape } from "./field.ts";
import { TABLE } from "./table.ts";

const COMMENT_COLUMNS = 96;
const DEFAULTS: Folders = {
  root: String(TABLE.keys.root.default),
  state: String(TABLE.keys.state.default),
};

/**
 * The default file: every key with its meaning and its default, the latter commented out, so
 * that what nobody changed follows the defaults of later releases.
 */
export function defaultToml(): string {
  const lines = [
    "# Configuration of cri-containerd. What is commented out shows the default.",
    "# Own settings are best kept in files of their own in conf.d/ beside this file; they are",
    "# read in order of name, each replacing single keys. `cri-containerd config check` checks all.",
    "",
  ];
  for (const { path, section, isExample } of sections()) {
    // A table that is an example must not come to life, not even when its neighbours do.
    const [header, sign] = isExample ? ["# ", "# "] : ["", "#"];
    if (path.length > 0) {
      lines.push(...comment(section.meaning), `${header}[${showKey(path)}]`, "");
    }
    for (const [key, field] of fields(section)) {
      lines.push(...comment(sentence(field)));
      lines.push(`${sign}${key} = ${field.write(defaultOf(field, DEFAULTS))}`, "");
    }
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

/** docs/configuration.md, as the command `cri-containerd config docs` writes it. */
export function configMarkdown(): string {
  const lines = [
    "<!-- deno-fmt-ignore-file -->",
    "<!-- Written by `cri-containerd config docs > docs/configuration.md` from src/config/table.ts. -->",
    "",
    "# Configuration",
    "",
    "cri-containerd reads `/etc/cri-containerd/config.toml` (or the file given by `--config`), then",
    "`conf.d/*.toml` beside it in order of name. A later file replaces single keys of an earlier one,",
    "lists as a whole. A missing default file means the defaults; they work on a kubeadm node.",
    "Unknown keys and wrong values are errors: `cri-containerd config check` lists all of them with",
    "file and line, and `cri-containerd config default` prints a file to start from.",
    "",
    'Durations are text with units: `"500ms"`, `"30s"`, `"5m"`, `"1h30m"`. Paths are absolute.',
    "",
  ];
  for (const { path, section, title } of sections()) {
    lines.push(`## ${path.length === 0 ? "Top of the file" : `\`[${title}]\``}`, "");
    if (section.meaning !== "") lines.push(section.meaning, "");
    lines.push("| key | type | default | meaning |", "|---|---|---|---|");
    for (const [key, field] of fields(section)) {
      const shown = field.write(defaultOf(field, { root: "<root>", state: "<state>" }));
      const cells = [`\`${key}\``, field.type, `\`${shown}\``, sentence(field)];
      lines.push(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    }
    lines.push("");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

/** Every key in dotted form with the words that it takes; for completion and for searches. */
export function configWords(): { key: string; choices: readonly string[] }[] {
  return sections().flatMap(({ path, section }) =>
    fields(section).map(([key, field]) => ({
      key: showKey([...path, key]),
      choices: field.choices ?? (field.type === "boolean" ? ["true", "false"] : []),
    }))
  );
}

/** The meaning with the bounds that the type alone doesn't tell. */
function sentence(field: AnyField): string {
  return field.bounds === "" ? field.meaning : `${field.meaning} ${field.bounds}`;
}

interface Listed {
  path: string[];
  /** The header for people: NAME in place of a name that users choose. */
  title: string;
  section: Section<Shape>;
  /** Of a name that users choose, and that isn't there unless they do. */
  isExample: boolean;
}

/** All sections in the order of the file, each after the one around it. */
function sections(): Listed[] {
  const list: Listed[] = [];
  const visit = (node: Node, at: Pick<Listed, "path" | "title" | "isExample">) => {
    const { path, title } = at;
    if (node.node === "field") return;
    if (node.node === "named") {
      const [name = "NAME"] = node.always;
      const isExample = node.always.length === 0;
      visit(sectionOf(node), { path: [...path, name], title: `${title}.NAME`, isExample });
      return;
    }
    list.push({ ...at, section: node });
    for (const [key, child] of Object.entries(node.keys)) {
      const below = path.length === 0 ? key : `${title}.${key}`;
      visit(child, { ...at, path: [...path, key], title: below });
    }
  };
  visit(TABLE, { path: [], title: "", isExample: false });
  return list;
}

function sectionOf(named: Named<Shape>): Section<Shape> {
  return { node: "section", meaning: named.meaning, keys: named.keys };
}

function fields(section: Section<Shape>): [string, AnyField][] {
  return Object.entries(section.keys).flatMap(([key, node]) =>
    node.node === "field" ? [[key, node] satisfies [string, AnyField]] : []
  );
}

function defaultOf(field: AnyField, folders: Folders): unknown {
  return typeof field.default === "function" ? field.default(folders) : field.default;
}

function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > COMMENT_COLUMNS) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
