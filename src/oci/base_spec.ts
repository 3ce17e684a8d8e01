/** A spec that the administrator gives a runtime to start from: what requests don't decide stays. */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { Spec } from "./spec.ts";

const record = v.optional(v.record(v.string(), v.unknown()), {});

const schema = v.looseObject({
  ociVersion: v.optional(v.string()),
  process: v.optional(v.looseObject({ env: v.optional(v.array(v.string()), []) })),
  mounts: v.optional(v.array(v.looseObject({ destination: v.string() })), []),
  annotations: record,
  linux: v.optional(v.looseObject({ resources: record })),
});

export type BaseSpec = v.InferOutput<typeof schema>;

/**
 * A base spec as it stands in its file.
 *
 * @throws CriError failedPrecondition naming the file and the place that is wrong
 */
export function parseBaseSpec({ path, text }: { path: string; text: string }): BaseSpec {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CriError("failedPrecondition", `The base spec ${path} is not JSON`, { cause });
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue) ?? "it";
  throw new CriError("failedPrecondition", `The base spec ${path}: ${place}: ${issue.message}`);
}

/**
 * A container's spec on top of a base: the container's own fields count, mounts and variables of the
 * base that it has none of its own for are added, and so is all that it doesn't speak of, such as
 * limits of open files, hooks or limits of block devices.
 */
export function onBaseSpec(base: BaseSpec, spec: Spec): object {
  const own = new Set(spec.mounts.map(({ destination }) => destination));
  const names = new Set(spec.process.env.map(nameOf));
  const env = (base.process?.env ?? []).filter((entry) => !names.has(nameOf(entry)));
  return {
    ...base,
    ...present(spec),
    process: { ...base.process, ...present(spec.process), env: [...env, ...spec.process.env] },
    mounts: [
      ...base.mounts.filter(({ destination }) => !own.has(destination) && !isSystem(destination)),
      ...spec.mounts,
    ],
    annotations: { ...base.annotations, ...spec.annotations },
    linux: {
      ...base.linux,
      ...present(spec.linux),
      resources: { ...base.linux?.resources, ...present(spec.linux.resources) },
    },
  };
}

/** Which of the kernel's file systems a container sees is the request's alone. */
function isSystem(destination: string): boolean {
  return /^\/(proc|sys|dev)(\/|$)/.test(destination);
}

function nameOf(entry: string): string {
  return entry.split("=", 1)[0] ?? "";
}

function present(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
