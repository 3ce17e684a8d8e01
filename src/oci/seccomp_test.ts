import assert from "node:assert/strict";
import {
  LinuxContainerSecurityContext,
  SecurityProfile_ProfileType as Type,
} from "../gen/cri/v1/api.ts";
import { HOST } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { type SeccompFacts, seccompFilter, seccompProfilePath } from "./seccomp.ts";
import type { SeccompRule } from "./spec.ts";

type Parts = Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0];

const FIELD = "config.linux.security_context.seccomp";
const DEFAULT: Parts = { seccomp: { profileType: Type.RuntimeDefault } };
const FILE: Parts = { seccomp: { profileType: Type.Localhost, localhostRef: "/etc/p.json" } };
const context = (parts: Parts) => LinuxContainerSecurityContext.fromPartial(parts);

function filter(parts: Parts, change: Partial<SeccompFacts> = {}) {
  return seccompFilter(context(parts), { host: HOST, bounding: [], file: undefined, ...change });
}

function rules(name: string, change: Partial<SeccompFacts> = {}): SeccompRule[] {
  return filter(DEFAULT, change)?.syscalls?.filter(({ names }) => names.includes(name)) ?? [];
}

const isAllowed = (name: string, change: Partial<SeccompFacts> = {}) =>
  rules(name, change).some(({ action, args }) => action === "SCMP_ACT_ALLOW" && args === undefined);

const NONE: { name: string; parts: Parts }[] = [
  { name: "a request without a profile", parts: {} },
  { name: "Unconfined", parts: { seccomp: { profileType: Type.Unconfined } } },
  { name: "the old name unconfined", parts: { seccompProfilePath: "unconfined" } },
  { name: "a privileged container", parts: { ...DEFAULT, privileged: true } },
];

for (const { name, parts } of NONE) {
  Deno.test(`seccompFilter() gives none for ${name}`, () => {
    assert.equal(filter(parts), undefined);
    assert.equal(filter(parts, { host: { ...HOST, seccomp: false } }), undefined);
  });
}

Deno.test("seccompFilter() gives the default to an empty profile and to its old names", () => {
  const asked: Parts[] = [
    { seccomp: {} },
    { seccompProfilePath: "runtime/default" },
    { seccompProfilePath: "docker/default" },
  ];
  for (const parts of asked) assert.deepEqual(filter(parts), filter(DEFAULT));
  assert.equal(filter(DEFAULT)?.defaultAction, "SCMP_ACT_ERRNO");
});

Deno.test("seccompFilter() allows by default what programs live on, and no more", () => {
  for (const name of ["read", "openat", "clone", "futex_waitv", "statx"]) {
    assert(rules(name).length > 0, name);
  }
  for (const name of ["mount", "unshare", "setns", "bpf", "reboot", "keyctl", "kexec_load"]) {
    assert.deepEqual(rules(name), [], name);
  }
});

const BY_CAPABILITY = [
  ["CAP_SYS_ADMIN", "mount"],
  ["CAP_SYS_CHROOT", "chroot"],
  ["CAP_SYS_PTRACE", "kcmp"],
  ["CAP_SYS_TIME", "clock_settime"],
  ["CAP_DAC_READ_SEARCH", "open_by_handle_at"],
  ["CAP_BPF", "bpf"],
  ["CAP_SYSLOG", "syslog"],
] as const;

for (const [capability, name] of BY_CAPABILITY) {
  Deno.test(`seccompFilter() allows ${name} to holders of ${capability}`, () => {
    assert(!isAllowed(name));
    assert(isAllowed(name, { bounding: [capability] }));
  });
}

Deno.test("seccompFilter() lets nobody make namespaces by clone but CAP_SYS_ADMIN", () => {
  assert(!isAllowed("clone"));
  assert.equal(rules("clone")[0]?.args?.[0]?.value, 0x7e020000);
  assert.deepEqual(rules("clone3").map(({ errnoRet }) => errnoRet), [38]);
  const admin = { bounding: ["CAP_SYS_ADMIN"] };
  assert(isAllowed("clone", admin) && isAllowed("clone3", admin));
  assert.equal(rules("clone3", admin).length, 1);
});

Deno.test("seccompFilter() allows tracing on kernels from 4.8 on", () => {
  const on = (kernelRelease: string) => ({ host: { ...HOST, kernelRelease } });
  for (const release of ["4.8.0", "4.19.0-25", "5.4", "6.18.44-x"]) {
    assert(isAllowed("ptrace", on(release)), release);
  }
  for (const release of ["4.7.10", "3.10.0", "?"]) {
    assert(!isAllowed("ptrace", on(release)), release);
  }
});

Deno.test("seccompFilter() knows both architectures", () => {
  const arm = { host: { ...HOST, arch: "aarch64" as const } };
  assert(isAllowed("arch_prctl") && !isAllowed("cacheflush"));
  assert(isAllowed("cacheflush", arm) && !isAllowed("arch_prctl", arm));
  const { architectures } = filter(DEFAULT, arm) ?? {};
  assert.deepEqual(architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
});

Deno.test("seccompFilter() takes a file's filter, exact to the last digit", () => {
  const file = `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [], "syscalls": [
    {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "comment": "",
     "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]}`;
  assert.deepEqual(filter(FILE, { file }), {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{
      names: ["mkdir"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 1,
      args: [{ index: 0, value: 18446744073709551615n, op: "SCMP_CMP_EQ" }],
    }],
  });
});

const FILES = [undefined, "", "{", "[]", "{}", '{"defaultAction":"x","syscalls":[{"names":[]}]}'];

for (const file of FILES) {
  Deno.test(`seccompFilter() refuses the file ${JSON.stringify(file)}`, () => {
    refuses(() => filter(FILE, { file }), `${FIELD}.localhost_ref`);
  });
}

function withArgument(value: string): string {
  const args = `[{"index":0,"value":${value},"op":"SCMP_CMP_EQ"}]`;
  const rule = `{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":${args}}`;
  return `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[${rule}]}`;
}

Deno.test("seccompFilter() takes arguments of 64 bits, and no others", () => {
  for (const value of ["0", "18446744073709551615"]) {
    const [rule] = filter(FILE, { file: withArgument(value) })?.syscalls ?? [];
    assert.equal(String(rule?.args?.[0]?.value), value);
  }
  for (const value of ["-1", "18446744073709551616", "1e300", "0.5"]) {
    refuses(() => filter(FILE, { file: withArgument(value) }), `${FIELD}.localhost_ref`);
  }
});

const REFUSED: { name: string; parts: Parts; field: string }[] = [
  {
    name: "an unknown type",
    parts: { seccomp: { profileType: -1 } },
    field: `${FIELD}.profile_type`,
  },
  {
    name: "a file for the default",
    parts: { seccomp: { localhostRef: "/x" } },
    field: `${FIELD}.localhost_ref`,
  },
  {
    name: "Localhost without a file",
    parts: { seccomp: { profileType: Type.Localhost } },
    field: `${FIELD}.localhost_ref`,
  },
  {
    name: "an unknown old name",
    parts: { seccompProfilePath: "x" },
    field: `${FIELD}_profile_path`,
  },
];

for (const { name, parts, field } of REFUSED) {
  Deno.test(`seccompFilter() refuses ${name}`, () => void refuses(() => filter(parts), field));
}

Deno.test("seccompFilter() says so when the kernel has no seccomp", () => {
  refuses(
    () => filter(DEFAULT, { host: { ...HOST, seccomp: false } }),
    FIELD,
    "failedPrecondition",
  );
});

Deno.test("seccompProfilePath() is the file that a request needs", () => {
  assert.equal(seccompProfilePath(context(FILE)), "/etc/p.json");
  const old = context({ seccompProfilePath: "localhost//etc/p.json" });
  assert.equal(seccompProfilePath(old), "/etc/p.json");
  assert.equal(seccompProfilePath(context(DEFAULT)), undefined);
  assert.equal(seccompProfilePath(context({ ...FILE, privileged: true })), undefined);
  const relative = { seccomp: { profileType: Type.Localhost, localhostRef: "p.json" } };
  refuses(() => seccompProfilePath(context(relative)), `${FIELD}.localhost_ref`);
});
