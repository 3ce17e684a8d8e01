/** Times as people read them. */

const NS_PER_MS = 1_000_000n;
const UNITS = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;

/** How long ago something was, in its two largest units: "3d4h", "12m5s", "7s". */
export function formatAge(atNs: bigint, nowMs: number): string {
  let seconds = Math.max(0, Math.floor((nowMs - Number(atNs / NS_PER_MS)) / 1000));
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0 || parts.length > 0) parts.push(count > 0 ? `${count}${unit}` : "");
    if (parts.length === 2) break;
  }
  return parts.join("") || "0s";
}

/** "2026-11-25 13:45:10.123", in the time of the node. */
export function formatTime(atNs: bigint): string {
  const at = new Date(Number(atNs / NS_PER_MS));
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day} ${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
