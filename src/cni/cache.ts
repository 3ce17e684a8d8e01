/**
 * What was attached, with which configuration and result, in libcni's files, so that other tools
 * and the built-in CRI understand them. One is written before its ADD, without a result: after a
 * crash DEL knows what was begun.
 */
import * as v from "valibot";
import { toCriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { isObject, type JsonObject, parseJson, toJson } from "./json.ts";
import { isResult } from "./result.ts";
import type { Target } from "./target.ts";

const log = logger("cni");

const KIND = "cniCacheV1";

/** One attachment as it was made. */
export interface CachedAttachment {
  readonly networkName: string;
  readonly target: Target;
  /** The network's configuration as JSON text. */
  readonly config: string;
  /** undefined while its ADD hasn't succeeded. */
  readonly result: JsonObject | undefined;
}

const cachedSchema = v.object({
  kind: v.literal(KIND),
  containerId: v.string(),
  config: v.string(),
  ifName: v.pipe(v.string(), v.nonEmpty()),
  networkName: v.pipe(v.string(), v.nonEmpty()),
  netns: v.nullish(v.string(), ""),
  cniArgs: v.nullish(v.array(v.tuple([v.string(), v.string()])), []),
  capabilityArgs: v.nullish(v.record(v.string(), v.unknown()), {}),
  result: v.unknown(),
});

/** Of one attachment. The names in it are checked before they get here. */
type Key = Pick<CachedAttachment, "networkName"> & {
  readonly target: Pick<Target, "containerId" | "ifName">;
};

/** libcni's cache in `<dir>/results`. */
export class ResultCache {
  readonly #dir: string;
  /** What this process wrote, by container and path: it needn't be read again to take it off. */
  readonly #written = new Map<string, Map<string, CachedAttachment>>();

  constructor(cacheDir: string) {
    this.#dir = `${cacheDir}/results`;
  }

  /** Writes an attachment in the place of what was there, all of it or nothing. */
  async write(cached: CachedAttachment, cniVersion: string): Promise<void> {
    const { target, networkName, config } = cached;
    const text = toJson({
      kind: KIND,
      containerId: target.containerId,
      config: new TextEncoder().encode(config).toBase64(),
      ifName: target.ifName,
      networkName,
      ...(target.netnsPath === "" ? {} : { netns: target.netnsPath }),
      cniArgs: target.args,
      capabilityArgs: target.capabilityArgs,
      result: cached.result ?? { cniVersion },
    });
    const temporary = this.#temporary(cached);
    try {
      await Deno.writeTextFile(temporary, text, { mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await Deno.mkdir(this.#dir, { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(temporary, text, { mode: 0o600 });
    }
    const path = this.#path(cached);
    await Deno.rename(temporary, path);
    const ofContainer = this.#written.get(target.containerId) ?? new Map();
    this.#written.set(target.containerId, ofContainer.set(path, cached));
  }

  /** Whether there is a record, readable or not. */
  async has(key: Key): Promise<boolean> {
    try {
      await Deno.stat(this.#path(key));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Forgets an attachment; forgotten already is done. */
  async remove(key: Key): Promise<void> {
    const path = this.#path(key);
    const { containerId } = key.target;
    await Promise.all([removeFile(path), removeFile(this.#temporary(key))]);
    const ofContainer = this.#written.get(containerId);
    ofContainer?.delete(path);
    if (ofContainer?.size === 0) this.#written.delete(containerId);
  }

  /**
   * The attachments of a container in all networks, in order of their interfaces, or everybody's.
   * Files that can't be read are left out with a warning.
   */
  async list(containerId?: string): Promise<CachedAttachment[]> {
    const written = containerId === undefined ? undefined : this.#written.get(containerId);
    return inOrder(written === undefined ? await this.#read(containerId) : [...written.values()]);
  }

  async #read(containerId: string | undefined): Promise<CachedAttachment[]> {
    const found: CachedAttachment[] = [];
    for (const name of await this.#names()) {
      if (containerId !== undefined && !name.includes(`-${containerId}-`)) continue;
      const cached = await readCached(`${this.#dir}/${name}`);
      if (cached === undefined) continue;
      if (containerId === undefined || cached.target.containerId === containerId) {
        found.push(cached);
      }
    }
    return found;
  }

  async #names(): Promise<string[]> {
    try {
      const names = await Array.fromAsync(Deno.readDir(this.#dir), ({ name }) => name);
      return names.filter((name) => !name.startsWith("."));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  #name({ networkName, target }: Key): string {
    return `${networkName}-${target.containerId}-${target.ifName}`;
  }

  #path(key: Key): string {
    return `${this.#dir}/${this.#name(key)}`;
  }

  #temporary(key: Key): string {
    return `${this.#dir}/.${this.#name(key)}.tmp`;
  }
}

function inOrder(attachments: CachedAttachment[]): CachedAttachment[] {
  return attachments.sort((a, b) =>
    a.target.ifName.localeCompare(b.target.ifName, "en", { numeric: true })
  );
}

async function readCached(path: string): Promise<CachedAttachment | undefined> {
  try {
    const parsed = parseJson(await Deno.readTextFile(path));
    if ("problem" in parsed) throw new Error(parsed.problem);
    // Files of before libcni 0.8 hold the bare result; there is nothing to detach by in them.
    if (!isObject(parsed.value) || parsed.value.kind !== KIND) return undefined;
    const stored = v.parse(cachedSchema, parsed.value);
    return {
      networkName: stored.networkName,
      target: {
        containerId: stored.containerId,
        netnsPath: stored.netns,
        ifName: stored.ifName,
        args: stored.cniArgs,
        capabilityArgs: stored.capabilityArgs,
      },
      config: new TextDecoder().decode(Uint8Array.fromBase64(stored.config)),
      result: isResult(stored.result) ? stored.result : undefined,
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    log.warn("The cached network attachment {path} can't be read: {error}", {
      path,
      error: toCriError(error).message,
    });
    return undefined;
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
