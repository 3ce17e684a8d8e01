/** Tokens that let one client each use a stream, once and soon. */
import { CriError } from "../base/errors.ts";

/** As long as kubelets have to connect. */
export const TOKEN_LIFETIME_MS = 60_000;

/** Given out and not used yet. */
const MAX_TOKENS = 1_000;

const TOKEN_BYTES = 16;

/** Tokens for things of one kind. */
export class Tokens<T> {
  readonly #lifetimeMs: number;
  readonly #waiting = new Map<string, { value: T; timer: ReturnType<typeof setTimeout> }>();

  constructor(lifetimeMs = TOKEN_LIFETIME_MS) {
    this.#lifetimeMs = lifetimeMs;
  }

  /**
   * A new token; `expired` is called when nobody used it in time.
   *
   * @throws CriError resourceExhausted when too many wait to be used
   */
  give(value: T, expired: () => void): string {
    if (this.#waiting.size >= MAX_TOKENS) {
      throw new CriError("resourceExhausted", `${MAX_TOKENS} streams wait for their clients`, {
        remedy: "they expire within a minute",
      });
    }
    const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
    const token = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    const timer = setTimeout(() => {
      this.#waiting.delete(token);
      expired();
    }, this.#lifetimeMs);
    this.#waiting.set(token, { value, timer });
    return token;
  }

  /** What a token was given for; it is used up. */
  use(token: string): T | undefined {
    const found = this.#waiting.get(token);
    if (found === undefined) return undefined;
    this.#waiting.delete(token);
    clearTimeout(found.timer);
    return found.value;
  }

  get size(): number {
    return this.#waiting.size;
  }
}
