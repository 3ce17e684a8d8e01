import assert from "node:assert/strict";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { podSysctls } from "./sysctls.ts";

const OWN = { network: true, ipc: true, uts: true, pid: true, user: false };
const NODE = { ...OWN, network: false, ipc: false, uts: false };

function sysctls(asked: Record<string, string>, namespaces = OWN, inUserNamespace = false) {
  return podSysctls(new Map(Object.entries(asked)), { namespaces, inUserNamespace });
}

Deno.test("podSysctls() opens low ports and ICMP echo in a network of the pod's own", () => {
  const ports = { "net.ipv4.ip_unprivileged_port_start": "0" };
  assert.deepEqual(sysctls({}), { ...ports, "net.ipv4.ping_group_range": "0 2147483647" });
  assert.deepEqual(sysctls({}, NODE), {});
  assert.deepEqual(sysctls({}, { ...OWN, user: true }), ports);
  assert.deepEqual(sysctls({}, OWN, true), ports);
});

Deno.test("podSysctls() lets the request's values win, and knows both ways to write names", () => {
  const asked = {
    "net/ipv4/ip_unprivileged_port_start": "1024",
    "net.ipv4.ping_group_range": "1\t0",
    "kernel.shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "10",
    "kernel.domainname": "shop",
    "net/ipv4/conf/eth0.100/forwarding": "1",
  };
  assert.deepEqual(sysctls(asked), {
    "fs.mqueue.msg_max": "10",
    "kernel.domainname": "shop",
    "kernel.shm_rmid_forced": "1",
    "net.ipv4.conf.eth0/100.forwarding": "1",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.ping_group_range": "1\t0",
  });
});

const REFUSED: { name: string; sysctl: string; value?: string; namespaces?: typeof OWN }[] = [
  ...[
    "kernel.core_pattern",
    "vm.overcommit_memory",
    "kernel.hostname",
    "kernel.shm_rmid_forced.x",
    "kernel",
    "",
    "net..ipv4",
    "net.ipv4.",
    "net/../kernel/core_pattern",
    "net/./x",
    "net.ipv4.x y",
    "net.ipv4.x\n",
  ].map((sysctl) => ({ name: JSON.stringify(sysctl), sysctl })),
  ...["1+kernel.core_pattern=|/bin/x", "a=b", "1\n2", "1\0"].map((value) => ({
    name: `the value ${JSON.stringify(value)} (CVE-2022-0811)`,
    sysctl: "kernel.shmmax",
    value,
  })),
  ...["net.core.somaxconn", "kernel.sem", "kernel.msgmax", "fs.mqueue.msg_max", "kernel.domainname"]
    .map((sysctl) => ({
      name: `${sysctl} in the node's namespaces (CVE-2022-0532)`,
      sysctl,
      namespaces: NODE,
    })),
];

for (const { name, sysctl, value = "1", namespaces = OWN } of REFUSED) {
  Deno.test(`podSysctls() refuses ${name}`, () => {
    const field = `config.linux.sysctls[${JSON.stringify(sysctl)}]`;
    refuses(() => sysctls({ [sysctl]: value }, namespaces), field);
  });
}
