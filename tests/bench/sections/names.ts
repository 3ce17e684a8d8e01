/** The names of what can be measured, in the order of measuring. */
export const SECTION_NAMES = [
  "pods",
  "burst",
  "reads",
  "stats",
  "steady",
  "streams",
  "logs",
  "pull",
  "startup",
  "recovery",
  "growth",
  "floor",
] as const;

export type SectionName = typeof SECTION_NAMES[number];

/** No sections: they measure nothing, and show where the time goes. */
export const TRACE = "trace";
export const PROFILE = "profile";
