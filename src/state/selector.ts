/** Label selectors of list requests: every pair must be there as asked for. */

export function matchesLabels(
  labels: ReadonlyMap<string, string>,
  selector: ReadonlyMap<string, string> | undefined,
): boolean {
  if (selector === undefined) return true;
  for (const [key, value] of selector) {
    if (labels.get(key) !== value) return false;
  }
  return true;
}
