/** /proc/self/mountinfo: https://docs.kernel.org/filesystems/proc.html, section 3.5. */

const MOUNT_POINT_FIELD = 4;

/** The mount points at or below `prefix`, the deepest last. One that is mounted over comes twice. */
export function mountPointsUnder(mountinfo: string, prefix: string): string[] {
  const below = prefix.endsWith("/") ? prefix : `${prefix}/`;
  const points: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const field = line.split(" ", MOUNT_POINT_FIELD + 1)[MOUNT_POINT_FIELD];
    if (field === undefined) continue;
    const point = unescape(field);
    if (point === prefix || point.startsWith(below)) points.push(point);
  }
  return points.sort((a, b) => depth(a) - depth(b));
}

/** How a mount tells others of what is mounted below it, and hears of it. */
export type Sharing = "private" | "slave" | "shared";

const OPTIONAL_FIELDS_AT = 6;

/** The sharing of the mount that a path without links lies on. */
export function sharingAt(mountinfo: string, path: string): Sharing {
  let length = -1;
  let sharing: Sharing = "private";
  for (const line of mountinfo.split("\n")) {
    const fields = line.split(" ");
    const point = unescape(fields[MOUNT_POINT_FIELD] ?? "");
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    // Of several mounts at one place the last one is seen.
    if (point === "" || !isAbove || point.length < length) continue;
    length = point.length;
    sharing = sharingOf(fields.slice(OPTIONAL_FIELDS_AT));
  }
  return sharing;
}

/** The optional fields end with a dash. */
function sharingOf(fields: readonly string[]): Sharing {
  const optional = fields.slice(0, fields.indexOf("-"));
  if (optional.some((field) => field.startsWith("shared:"))) return "shared";
  return optional.some((field) => field.startsWith("master:")) ? "slave" : "private";
}

/** Blanks, tabs, newlines and backslashes are written as three octal digits. */
function unescape(field: string): string {
  return field.replace(
    /\\([0-7]{3})/g,
    (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)),
  );
}

function depth(path: string): number {
  return path.split("/").length;
}
