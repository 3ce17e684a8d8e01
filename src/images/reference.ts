/** Names of images: https://github.com/distribution/reference, normalised as the field does. */
import { invalidArgument } from "../base/errors.ts";

/** A complete name: it has a tag or a digest, never both. */
export interface ImageReference {
  /** Registry with its port, such as `docker.io` or `127.0.0.1:5000`. */
  readonly domain: string;
  /** Repository in that registry, such as `library/busybox`. */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const MAX_NAME_CHARACTERS = 255;
/** Name, tag and digest together; more isn't even looked at. */
const MAX_CHARACTERS = 1024;
const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";

const LABEL = "[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]";
const DOMAIN = new RegExp(
  `^(?:(?:${LABEL})(?:\\.(?:${LABEL}))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$|^sha384:[a-f0-9]{96}$|^sha512:[a-f0-9]{128}$/;
const BARE_ID = /^[a-f0-9]{64}$/;

/** Whether a text is a whole digest of an algorithm in use. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/**
 * Reads the name of an image: `busybox` is `docker.io/library/busybox:latest`. A name with both
 * tag and digest means the digest, as in containerd.
 *
 * @throws CriError invalidArgument, naming the field
 */
export function parseReference(text: string, field = "image.image"): ImageReference {
  const problem = (what: string) => invalidArgument(field, `${quote(text)} ${what}`);
  if (text === "") throw invalidArgument(field, "is empty; give the name of an image");
  if (text.length > MAX_CHARACTERS) throw problem(`is longer than ${MAX_CHARACTERS} characters`);
  if (BARE_ID.test(text)) throw problem("is an id, not a name");
  const { name, tag, digest } = splitName(text);
  if (digest !== undefined && !isDigest(digest)) {
    throw problem("has no valid digest after the @; sha256:<64 hexadecimal digits> is one");
  }
  if (tag !== undefined && !TAG.test(tag)) {
    throw problem("has no valid tag after the colon; tags are up to 128 letters, digits, _ . -");
  }
  const { domain, path } = splitDomain(name);
  if (!DOMAIN.test(domain)) throw problem(`has no valid registry name: ${quote(domain)}`);
  if (!PATH.test(path)) {
    if (path !== path.toLowerCase()) throw problem("has upper-case letters in its repository");
    throw problem("is not the name of an image");
  }
  if (domain.length + path.length + 1 > MAX_NAME_CHARACTERS) {
    throw problem(`is longer than ${MAX_NAME_CHARACTERS} characters`);
  }
  if (digest !== undefined) return { domain, path, tag: undefined, digest };
  return { domain, path, tag: tag ?? DEFAULT_TAG, digest: undefined };
}

/** The name as containerd's image records have it. */
export function canonicalName(reference: ImageReference): string {
  const { tag, digest } = reference;
  const end = digest === undefined ? `:${tag ?? DEFAULT_TAG}` : `@${digest}`;
  return repository(reference) + end;
}

/** The name without tag and digest. */
export function repository(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** What an image record's name is, or undefined when it isn't a name of the field's form. */
export function tryParseReference(text: string): ImageReference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/**
 * The tag of a name that has tag and digest: an image that was imported by its tag also answers
 * to `name:tag@digest`.
 */
export function tagBesideDigest(text: string): string | undefined {
  const { tag, digest } = splitName(text);
  return digest === undefined || tag === undefined || !TAG.test(tag) ? undefined : tag;
}

/** Whether a name tells the registry; a name without one is short. */
export function hasRegistry(text: string): boolean {
  return splitsDomain(splitName(text).name);
}

function splitName(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf("@");
  const [rest, digest] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  // A colon before the last slash belongs to a port.
  const colon = rest.lastIndexOf(":");
  const hasTag = colon > rest.lastIndexOf("/");
  return {
    name: hasTag ? rest.slice(0, colon) : rest,
    ...(hasTag ? { tag: rest.slice(colon + 1) } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The first part is a registry when it can't be a repository: it has a dot, a port or capitals. */
function splitsDomain(name: string): boolean {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  return slash >= 0 &&
    (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = splitsDomain(name);
  if (isDomain && first !== DEFAULT_DOMAIN && first !== LEGACY_DOMAIN) {
    return { domain: first, path: name.slice(slash + 1) };
  }
  const path = isDomain ? name.slice(slash + 1) : name;
  return {
    domain: DEFAULT_DOMAIN,
    path: path.includes("/") ? path : OFFICIAL_PREFIX + path,
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
