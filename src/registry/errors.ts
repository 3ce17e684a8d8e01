/** Failures of a registry, in words that hold no URL query and no credentials. */
import * as v from "valibot";
import { CriError, type CriErrorOptions, type Kind } from "../base/errors.ts";

export interface RegistryErrorOptions extends CriErrorOptions {
  /** Whether the same request may succeed when it is made again. */
  isTransient?: boolean;
  /** How long the registry asks us to wait first. */
  retryAfterMs?: number;
  /** What came back in a few words, for a list of several servers. */
  answer?: string;
}

/** An error that came from a registry or from the way to it. */
export class RegistryError extends CriError {
  readonly isTransient: boolean;
  readonly retryAfterMs: number | undefined;
  readonly answer: string;

  constructor(kind: Kind, message: string, options: RegistryErrorOptions = {}) {
    super(kind, message, options);
    this.isTransient = options.isTransient ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.answer = options.answer ?? message;
  }
}

/** What was asked of whom, for messages: `the manifest of library/busybox:latest`. */
export interface Asked {
  what: string;
  host: string;
}

const MAX_WORDS = 200;
const errorBody = v.object({
  errors: v.array(v.object({
    code: v.optional(v.nullable(v.string())),
    message: v.optional(v.nullable(v.string())),
  })),
});

/** An answer that isn't the wanted one, as an error. `body` is its text, cut off. */
export function refused(
  asked: Asked,
  { status, headers }: { status: number; headers: Headers },
  body: string,
): RegistryError {
  const { what, host } = asked;
  const said = wordsOf(body);
  const answer = `HTTP ${status}${said === "" ? "" : `, ${said}`}`;
  switch (status) {
    case 401:
    case 403:
      return new RegistryError(
        "permissionDenied",
        `Registry ${host} refuses access to ${what} (${answer})`,
        {
          answer,
          remedy:
            "check the image's name, and that the pod's imagePullSecrets hold valid credentials for this registry",
        },
      );
    case 404:
      return new RegistryError("notFound", `Registry ${host} does not have ${what} (${answer})`, {
        answer,
        remedy: "check the image's name and tag",
      });
    case 429:
      return new RegistryError(
        "resourceExhausted",
        `Registry ${host} limits how often it may be asked for ${what} (${answer})`,
        { isTransient: true, answer, ...retryAfter(headers) },
      );
    default:
      return new RegistryError(
        status >= 500 ? "unavailable" : "failedPrecondition",
        `Registry ${host} does not give ${what} (${answer})`,
        { isTransient: status >= 500 && status !== 501, answer, ...retryAfter(headers) },
      );
  }
}

/** A connection that couldn't be made or that broke. */
export function unreachable(asked: Asked, error: unknown): RegistryError {
  const answer = networkReason(error);
  const isRefused = isCertificateRefused(error);
  return new RegistryError(
    "unavailable",
    `Cannot get ${asked.what} from registry ${asked.host}: ${answer}`,
    {
      // Who isn't trusted now isn't trusted in a second: that is told at once.
      isTransient: !isRefused,
      answer,
      ...isRefused ? { remedy: "look at ca and client in the registry's hosts.toml" } : {},
    },
  );
}

/** Whether one side doesn't accept the other's certificate; fetch() says it in words alone. */
export function isCertificateRefused(error: unknown): boolean {
  return /certificate|fatal alert: (?:UnknownCA|AccessDenied)/i.test(networkReason(error));
}

/** All servers of a registry have failed: the last one's error, with what the others said. */
export function allFailed(
  { what, host }: Asked,
  failures: readonly { host: string; error: RegistryError }[],
): RegistryError {
  const last = failures.at(-1);
  if (last === undefined) {
    return new RegistryError(
      "failedPrecondition",
      `No server of registry ${host} may be asked for ${what}`,
      { remedy: "look at the capabilities in its hosts.toml" },
    );
  }
  const { error } = last;
  if (failures.length === 1) return error;
  const before = failures.slice(0, -1).map((it) => `${it.host}: ${it.error.answer}`).join("; ");
  return new RegistryError(error.kind, `${error.message}; tried before: ${before}`, {
    isTransient: failures.every((it) => it.error.isTransient),
    answer: error.answer,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  });
}

/**
 * What the network said, without the URL: redirects to storage carry secrets in their query. The
 * error itself is not kept as a cause, for the same reason.
 */
export function networkReason(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = inner instanceof Error ? inner.message : String(inner);
  return printable(
    text.replaceAll(/(?:error sending request )?for url \([^)]*\):? ?/g, "")
      .replaceAll(/\b[a-z]+:\/\/\S+/gi, "…"),
  ) || "the connection failed";
}

function wordsOf(body: string): string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return "";
  }
  const result = v.safeParse(errorBody, json);
  const [first] = result.success ? result.output.errors : [];
  if (first === undefined) return "";
  return printable([first.code, first.message].filter(Boolean).join(": "));
}

function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- a registry's words must not steer the reader's terminal
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return clean.length > MAX_WORDS ? `${clean.slice(0, MAX_WORDS)}…` : clean;
}

/** https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function retryAfter(headers: Headers): { retryAfterMs?: number } {
  const value = headers.get("retry-after");
  if (value === null) return {};
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? {} : { retryAfterMs: Math.max(0, ms) };
}
