/** Globals that only some folders and files may use, each with the reason. */
import { type Finding, visit } from "./source.ts";

const USERS: readonly { readonly what: RegExp; readonly by: readonly string[] }[] = [
  // Its permission is a list of single files, worked out for the cni compartment and containerd.
  { what: /^Deno\.Command$/, by: ["src/cni/", "src/supervisor/"] },
  // The one door into libc, whose list of symbols is closed.
  { what: /^Deno\.dlopen$/, by: ["src/linux/"] },
  // Commands print here, and the log goes to stderr; progress asks whether a terminal is there.
  {
    what: /^Deno\.(stdout|stderr)$/,
    by: ["src/cli/output.ts", "src/cli/progress.ts", "src/base/logging.ts"],
  },
  { what: /^Deno\.stdin$/, by: ["src/cli/"] },
  { what: /^console\.\w+$/, by: [] },
];

/** Uses of globals by a file that has no business with them. */
export function wrongUses(path: string, text: string): Finding[] {
  return visit(path, text, (context) => ({
    MemberExpression(node) {
      const name = context.sourceCode.getText(node);
      const rule = USERS.find(({ what }) => what.test(name));
      if (rule === undefined || rule.by.some((by) => path.startsWith(by))) return;
      const message = `uses ${name}, which is for ${rule.by.join(", ") || "nobody"}`;
      context.report({ node, message });
    },
  }));
}
