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
