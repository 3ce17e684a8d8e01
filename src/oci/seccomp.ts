/** The seccomp filter of a container: none, the default one, or one from a file of the node. */
import * as v from "valibot";
import { CriError, invalidArgument } from "../base/errors.ts";
import type {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
} from "../gen/cri/v1/api.ts";
import type { HostFacts } from "./input.ts";
import { isKernelFrom } from "./kernel.ts";
import {
  AF_ALG,
  AF_VSOCK,
  ALWAYS,
  ARCHITECTURES,
  BY_ARCH,
  BY_CAPABILITY,
  CLONE_NAMESPACES,
  PERSONALITIES,
  TRACING,
} from "./seccomp_default.ts";
import { wantedProfile } from "./security_profile.ts";
import type { Seccomp, SeccompRule } from "./spec.ts";

const FIELD = "config.linux.security_context.seccomp";

const ALLOW = "SCMP_ACT_ALLOW";
const ERRNO = "SCMP_ACT_ERRNO";
const ENOSYS = 38;

/** The parts of a request that choose a filter. */
export type SecurityContext = Pick<
  LinuxContainerSecurityContext | LinuxSandboxSecurityContext,
  "privileged" | "seccomp" | "seccompProfilePath"
>;

export interface SeccompFacts {
  readonly host: Pick<HostFacts, "seccomp" | "arch" | "kernelRelease">;
  /** The capabilities that the process can have at all. */
  readonly bounding: readonly string[];
  /** Text of the file that {@link seccompProfilePath} names. */
  readonly file: string | undefined;
}

/**
 * The file that a request's filter is in; undefined when it needs none.
 *
 * @throws CriError invalidArgument for a profile that can't be
 */
export function seccompProfilePath(context: SecurityContext | undefined): string | undefined {
  const wanted = wantedSeccomp(context);
  if (wanted?.kind !== "localhost") return undefined;
  if (wanted.name.startsWith("/")) return wanted.name;
  throw invalidArgument(
    `${FIELD}.localhost_ref`,
    `${JSON.stringify(wanted.name)} is not an absolute path`,
  );
}

/**
 * The filter, undefined for none. A request that says nothing is unconfined, and so is a privileged
 * container whatever it says.
 *
 * @throws CriError failedPrecondition on a kernel without seccomp, invalidArgument for a profile
 *   that can't be
 */
export function seccompFilter(
  context: SecurityContext | undefined,
  facts: SeccompFacts,
): Seccomp | undefined {
  const wanted = wantedSeccomp(context);
  if (wanted === undefined || wanted.kind === "unconfined") return undefined;
  if (!facts.host.seccomp) {
    throw new CriError("failedPrecondition", `${FIELD}: the node's kernel has no seccomp`, {
      remedy: "ask for Unconfined, or use a kernel with CONFIG_SECCOMP_FILTER",
    });
  }
  return wanted.kind === "default" ? defaultFilter(facts) : parseProfile(facts.file);
}

function wantedSeccomp(context: SecurityContext | undefined) {
  if (context === undefined || context.privileged) return undefined;
  return wantedProfile({
    field: FIELD,
    profile: context.seccomp,
    oldField: `${FIELD}_profile_path`,
    oldText: context.seccompProfilePath,
  });
}

function defaultFilter({ host, bounding }: SeccompFacts): Seccomp {
  const byCapability = bounding.flatMap((name) => BY_CAPABILITY.get(name) ?? []);
  const tracing = isKernelFrom(host.kernelRelease, [4, 8]) ? TRACING : [];
  const names = new Set([...ALWAYS, ...BY_ARCH[host.arch], ...tracing, ...byCapability]);
  return {
    defaultAction: ERRNO,
    architectures: [...ARCHITECTURES[host.arch]],
    syscalls: [
      allow([...names].sort()),
      ...socketRules(),
      ...PERSONALITIES.map((value) => allow(["personality"], { op: "SCMP_CMP_EQ", value })),
      ...(bounding.includes("CAP_SYS_ADMIN") ? [] : threadRules()),
    ],
  };
}

/**
 * Every address family but two. Each range is a rule of its own: runtimes take several conditions
 * on one argument for alternatives, so "neither the one nor the other" would let both in.
 */
function socketRules(): SeccompRule[] {
  return [
    allow(["socket"], { op: "SCMP_CMP_LT", value: AF_ALG }),
    allow(["socket"], { op: "SCMP_CMP_EQ", value: AF_ALG + 1 }),
    allow(["socket"], { op: "SCMP_CMP_GT", value: AF_VSOCK }),
  ];
}

/** New threads and processes, but no new namespaces. */
function threadRules(): SeccompRule[] {
  const onlyThreads = { op: "SCMP_CMP_MASKED_EQ", value: CLONE_NAMESPACES, valueTwo: 0 };
  return [
    allow(["clone"], onlyThreads),
    // Its flags lie in memory, out of a filter's reach; on ENOSYS C libraries fall back to clone.
    { names: ["clone3"], action: ERRNO, errnoRet: ENOSYS },
  ];
}

function allow(
  names: string[],
  first?: { op: string; value: number; valueTwo?: number },
): SeccompRule {
  return {
    names,
    action: ALLOW,
    ...(first === undefined ? {} : { args: [{ index: 0, ...first }] }),
  };
}

const MAX_UINT64 = 2n ** 64n - 1n;
/** An argument of a system call; a runtime that is handed any other number fails at it, and late. */
const argument = v.pipe(
  v.union([v.pipe(v.number(), v.integer()), v.bigint()]),
  v.check((value) => value >= 0 && value <= MAX_UINT64, "it is no number of 64 bits"),
);
const errno = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095)));

/** The runtime specification's linux.seccomp; what else a file has is for other programs. */
const profileSchema = v.object({
  defaultAction: v.string(),
  defaultErrnoRet: errno,
  architectures: v.optional(v.array(v.string())),
  flags: v.optional(v.array(v.string())),
  listenerPath: v.optional(v.string()),
  listenerMetadata: v.optional(v.string()),
  syscalls: v.optional(v.array(v.object({
    names: v.pipe(v.array(v.string()), v.minLength(1)),
    action: v.string(),
    errnoRet: errno,
    args: v.optional(v.array(v.object({
      index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5)),
      value: argument,
      valueTwo: v.optional(argument),
      op: v.string(),
    }))),
  }))),
});

function parseProfile(text: string | undefined): Seccomp {
  const field = `${FIELD}.localhost_ref`;
  if (text === undefined) throw invalidArgument(field, "there is no such file on the node");
  let value: unknown;
  try {
    value = JSON.parse(text, exactNumber);
  } catch (error) {
    throw new CriError("invalidArgument", `${field}: the file is not JSON`, { cause: error });
  }
  const parsed = v.safeParse(profileSchema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw invalidArgument(field, `in the file, ${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
}

/** Masks of 64 bits don't fit in a double: those come as bigints, from the text. */
function exactNumber(_key: string, value: unknown, context?: { source?: string }): unknown {
  const isInexact = typeof value === "number" && !Number.isSafeInteger(value);
  const source = context?.source ?? "";
  return isInexact && /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
}
