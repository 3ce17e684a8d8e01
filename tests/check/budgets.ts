/** How long files and functions may be, and how many parameters a function may take. */
import { type Finding, visit } from "./source.ts";

export interface Budget {
  readonly fileLines: number;
  readonly functionLines: number;
  readonly parameters: number;
}

export const BUDGET: Budget = { fileLines: 300, functionLines: 60, parameters: 3 };

type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** What of a file is over its budget. */
export function overBudget(path: string, text: string, budget: Budget = BUDGET): Finding[] {
  const lines = linesOf(text.trimEnd());
  const file = lines > budget.fileLines
    ? [{ line: 1, message: `${lines} lines, more than ${budget.fileLines}` }]
    : [];
  return [
    ...file,
    ...visit(path, text, (context) => {
      const check = (node: FunctionNode) => {
        const lines = linesOf(context.sourceCode.getText(node));
        if (lines > budget.functionLines) {
          const message = `a function of ${lines} lines, more than ${budget.functionLines}`;
          context.report({ node, message });
        }
        const { length } = node.params;
        if (length > budget.parameters) {
          const message = `a function of ${length} parameters, more than ${budget.parameters}`;
          context.report({ node, message });
        }
      };
      return {
        FunctionDeclaration: check,
        FunctionExpression: check,
        ArrowFunctionExpression: check,
      };
    }),
  ];
}

function linesOf(text: string): number {
  return text.split("\n").length;
}
