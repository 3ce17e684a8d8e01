/** What the daemon counts on in a pod network; run on the fake and on real plugins. */
import assert from "node:assert/strict";
import { isKind, type Kind } from "../../src/base/errors.ts";
import type { Attachment, CniNetworks } from "../../src/cni/types.ts";

export interface CniSubject {
  networks: CniNetworks;
  /** Makes a network namespace and says how to attach it. */
  attachment(containerId: string): Promise<Attachment>;
  /** Removes a pod's namespace, as a reboot does. */
  removeNetns(containerId: string): Promise<void>;
}

const never = new AbortController().signal;

/** An attachment as the daemon asks for it. */
export function attachmentOf(containerId: string, netnsPath: string): Attachment {
  return {
    containerId,
    netnsPath,
    ifName: "eth0",
    args: new Map([
      ["K8S_POD_NAMESPACE", "default"],
      ["K8S_POD_NAME", containerId],
      ["K8S_POD_INFRA_CONTAINER_ID", containerId],
      ["K8S_POD_UID", "uid"],
    ]),
    portMappings: [],
  };
}

/** Holds when the promise is rejected with a CriError of this kind; gives the error's text. */
export async function rejects(promise: Promise<unknown>, kind: Kind): Promise<string> {
  const error = await promise.then(() => "no error", (error: unknown) => error);
  assert.ok(isKind(error, kind), `expected ${kind}, got ${error}`);
  return error.text;
}

const BEHAVIOURS: Record<string, (subject: CniSubject) => Promise<void>> = {
  "attach() gives every pod an address of its own": async ({ networks, attachment }) => {
    const one = await attachment("one");
    const two = await attachment("two");
    const first = await networks.attach(one, never);
    const second = await networks.attach(two, never);
    assert.match(first.ips[0] ?? "", /^10\./);
    assert.notEqual(first.ips[0], second.ips[0]);
    assert.equal(first.interfaces.get("eth0")?.sandbox, one.netnsPath);
    assert.deepEqual(first.interfaces.get("eth0")?.ipConfigs.map(({ ip }) => ip), first.ips);
    await networks.detach(one, never);
    await networks.detach(two, never);
  },
  "detach() is done when there is nothing to detach": async ({ networks, attachment }) => {
    const pod = await attachment("never");
    await networks.detach(pod, never);
    await networks.attach(pod, never);
    await networks.detach(pod, never);
    await networks.detach(pod, never);
  },
  "attach() refuses an id that CNI doesn't allow, and detach() has nothing to do": async (
    { networks, attachment },
  ) => {
    const pod = { ...(await attachment("hostile")), containerId: "../x" };
    await rejects(networks.attach(pod, never), "invalidArgument");
    await networks.detach(pod, never);
  },
  "attach() does nothing when its signal is aborted already": async ({ networks, attachment }) => {
    const pod = await attachment("aborted");
    const signal = AbortSignal.abort(new DOMException("gone", "AbortError"));
    await assert.rejects(networks.attach(pod, signal));
    await rejects(networks.check(pod, never), "failedPrecondition");
  },
  "check() holds while a pod is attached": async ({ networks, attachment }) => {
    const pod = await attachment("checked");
    await rejects(networks.check(pod, never), "failedPrecondition");
    await networks.attach(pod, never);
    await networks.check(pod, never);
    await networks.detach(pod, never);
    await rejects(networks.check(pod, never), "failedPrecondition");
  },
  "gc() detaches the pods that are not valid": async (subject) => {
    const { networks, attachment } = subject;
    const kept = await attachment("kept");
    const stale = await attachment("stale");
    await networks.attach(kept, never);
    await networks.attach(stale, never);
    await subject.removeNetns("stale");
    await networks.gc([kept], never);
    await networks.check(kept, never);
    await rejects(networks.check(stale, never), "failedPrecondition");
    await networks.detach(kept, never);
  },
  "status() is ready and names the network and its file": async ({ networks }) => {
    const status = await networks.status();
    assert.ok(status.ready, JSON.stringify(status));
    assert.match(status.file, /\.conflist$/);
    assert.notEqual(status.networkName, "");
  },
};

/** Registers a test for every behaviour. `open` makes a subject of its own for each. */
export function cniSuite(
  { name, open }: { name: string; open(): Promise<CniSubject & AsyncDisposable> },
): void {
  for (const [behaviour, test] of Object.entries(BEHAVIOURS)) {
    Deno.test(`${name}: ${behaviour}`, async () => {
      await using subject = await open();
      await test(subject);
    });
  }
}
