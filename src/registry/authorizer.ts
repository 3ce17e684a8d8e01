/** What is sent as Authorization to one endpoint, renewed when the registry asks for it. */
import type { Answer } from "./body.ts";
import { parseChallenges } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import type { HttpDeps } from "./http.ts";
import { fetchToken } from "./token.ts";

/** Spread into a request. */
export interface Authorization {
  authorization: string;
}

export interface AuthorizerOptions {
  http: HttpDeps;
  credentials: Credentials;
  /** Of the repository, for registries that don't name one. */
  scope: string;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  #current: Authorization | undefined;
  /** Layers are fetched side by side: one token is enough for all. */
  #renewal: Promise<Authorization | undefined> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    const { credentials } = options;
    if (credentials.kind === "bearer") {
      this.#current = { authorization: `Bearer ${credentials.token}` };
    }
  }

  current(): Authorization | undefined {
    return this.#current;
  }

  /**
   * Follows the challenge of a 401.
   *
   * @returns what to try once more with, undefined when there is nothing better than was used
   * @throws RegistryError when no token can be had
   */
  async renew(
    { answer, used }: { answer: Answer; used: Authorization | undefined },
    signal: AbortSignal,
  ): Promise<Authorization | undefined> {
    if (this.#current !== used) return this.#current;
    this.#renewal ??= this.#follow(answer, signal).finally(() => this.#renewal = undefined);
    return await this.#renewal;
  }

  async #follow(answer: Answer, signal: AbortSignal): Promise<Authorization | undefined> {
    const { credentials, http, scope } = this.#options;
    if (credentials.kind === "bearer") return undefined;
    const challenges = parseChallenges(answer.headers.get("www-authenticate") ?? "");
    const bearer = challenges.find((it) => it.scheme === "bearer");
    if (bearer !== undefined) {
      const request = { challenge: bearer, credentials, registry: answer.url, scope };
      const token = await fetchToken(http, request, signal);
      return this.#current = { authorization: `Bearer ${token}` };
    }
    const isBasic = challenges.some((it) => it.scheme === "basic");
    // The same password a second time would be refused again.
    if (!isBasic || credentials.kind !== "password" || this.#current !== undefined) {
      return undefined;
    }
    return this.#current = { authorization: basicHeader(credentials) };
  }
}
