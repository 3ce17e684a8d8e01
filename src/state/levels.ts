/** SELinux levels of pods: two categories each, that no pod reads the files of another. */
import { CriError } from "../base/errors.ts";

/** Who holds which level. Those that requests name may be held by several. */
export class LevelRegistry {
  readonly #categories: number;
  readonly #byOwner = new Map<string, string>();
  readonly #holders = new Map<string, number>();

  /** @param categories their number: levels are made of two below it */
  constructor(categories: number) {
    this.#categories = categories;
  }

  /** How many levels are held. */
  get size(): number {
    return this.#holders.size;
  }

  /**
   * A level that nobody holds; the same again for an owner that has one.
   *
   * @throws CriError resourceExhausted when all are held
   */
  allot(owner: string): string {
    const known = this.#byOwner.get(owner);
    if (known !== undefined) return known;
    const pairs = this.#categories * (this.#categories - 1) / 2;
    // From a chance place on: one that was given back isn't the next one's.
    const first = Math.floor(Math.random() * pairs);
    for (let step = 0; step < pairs; step++) {
      const level = levelAt((first + step) % pairs);
      if (this.#holders.has(level)) continue;
      this.take(owner, level);
      return level;
    }
    throw new CriError("resourceExhausted", `All ${pairs} SELinux levels are in use`, {
      remedy: "raise selinux.category_range, or remove pods that have ended",
    });
  }

  /** Takes a level that a request names or a record has. It takes the place of one held before. */
  take(owner: string, level: string): void {
    this.release(owner);
    if (level === "") return;
    const key = inOrder(level);
    this.#byOwner.set(owner, key);
    this.#holders.set(key, (this.#holders.get(key) ?? 0) + 1);
  }

  /** Gives back what an owner holds; nothing is done. */
  release(owner: string): void {
    const level = this.#byOwner.get(owner);
    if (level === undefined) return;
    this.#byOwner.delete(owner);
    const others = (this.#holders.get(level) ?? 1) - 1;
    if (others > 0) this.#holders.set(level, others);
    else this.#holders.delete(level);
  }
}

/** All pairs in a row: (0,1), (0,2), (1,2), (0,3), … */
function levelAt(index: number): string {
  const upper = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  return `s0:c${index - upper * (upper - 1) / 2},c${upper}`;
}

/** s0:c2,c1 is s0:c1,c2. */
function inOrder(level: string): string {
  const [, sensitivity, one, other] = /^(s\d):c(\d+),c(\d+)$/.exec(level) ?? [];
  if (sensitivity === undefined) return level;
  const [lower, upper] = [Number(one), Number(other)].sort((a, b) => a - b);
  return `${sensitivity}:c${lower},c${upper}`;
}
