/** The node's credentials: a file in the form of Docker's config.json. Read at every pull. */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { NodeCredentials, RegistryAuth } from "./credentials.ts";
import { readRequired } from "./files.ts";

const text = v.optional(v.string(), "");
const fileSchema = v.object({
  auths: v.optional(
    v.record(
      v.string(),
      v.object({
        auth: text,
        username: text,
        password: text,
        identitytoken: text,
        registrytoken: text,
      }),
    ),
    {},
  ),
});

/**
 * The credentials of a file, by registry (`registry.example:5000`) or by the beginning of images'
 * names (`registry.example/team`).
 *
 * @param path "" is no file
 * @throws CriError failedPrecondition, in words that hold nothing of the file
 */
export async function readCredentials(path: string): Promise<NodeCredentials> {
  return path === "" ? new Map() : parseCredentials(await readRequired(path), path);
}

/** @throws CriError as {@link readCredentials} */
export function parseCredentials(text: string, path: string): NodeCredentials {
  const result = v.safeParse(fileSchema, parseJson(text));
  if (!result.success) {
    throw new CriError("failedPrecondition", `${path} doesn't hold credentials`, {
      remedy: 'it must be as Docker writes its config.json: {"auths": {"HOST": {"auth": "…"}}}',
    });
  }
  return new Map(
    Object.entries(result.output.auths).map(([name, entry]) => [nameOf(name), toAuth(entry)]),
  );
}

/** `https://index.docker.io/v1/` is how Docker Hub is written there. */
function nameOf(key: string): string {
  const name = key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  const slash = name.indexOf("/");
  return slash < 0 ? name.toLowerCase() : name.slice(0, slash).toLowerCase() + name.slice(slash);
}

function toAuth(
  entry: {
    auth: string;
    username: string;
    password: string;
    identitytoken: string;
    registrytoken: string;
  },
): RegistryAuth {
  return {
    username: entry.username,
    password: entry.password,
    auth: entry.auth,
    serverAddress: "",
    identityToken: entry.identitytoken,
    registryToken: entry.registrytoken,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
