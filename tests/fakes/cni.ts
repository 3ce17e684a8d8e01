/**
 * A pod network in memory: the same interface as the real one, attachments and addresses behind
 * it, and hooks to make any verb fail before or after its work. What it does is held to the real
 * one by tests/suites/cni_suite.ts.
 */
import { CriError, toCriError } from "../../src/base/errors.ts";
import { waitFor } from "../../src/base/keyed_lock.ts";
import { problemOf } from "../../src/cni/target.ts";
import type {
  Attachment,
  CniNetworks,
  CniStatus,
  NetworkResult,
  ValidAttachment,
} from "../../src/cni/types.ts";

export type CniVerb = "status" | "attach" | "detach" | "check" | "gc";

/** Called around every call; it may wait or throw. There is no attachment in status and gc. */
export type CniFailpoint = (
  verb: CniVerb,
  attachment: Attachment | undefined,
) => void | Promise<void>;

export interface FakeAttachment {
  attachment: Attachment;
  ip: string;
}

/** Attachments outlive a daemon: open a second {@link FakeCni.reopen} on them after a "crash". */
export class FakeCni implements CniNetworks {
  /** Before the work: what it throws fails a call that did nothing. */
  before: CniFailpoint | undefined;
  /** After the work: what it throws fails a call that did everything. */
  after: CniFailpoint | undefined;
  /** `verb containerId` of all calls, in order. */
  readonly calls: string[] = [];
  /** By container id. */
  readonly attachments: Map<string, FakeAttachment>;
  /** What status() answers; attach() fails while it isn't ready. */
  current: CniStatus = {
    ready: true,
    networkName: "fake",
    file: "/etc/cni/net.d/10-fake.conflist",
  };
  isClosed = false;

  constructor(attachments = new Map<string, FakeAttachment>()) {
    this.attachments = attachments;
  }

  /** The same network as another process sees it. */
  reopen(): FakeCni {
    return new FakeCni(this.attachments);
  }

  /** Attachments that nobody has detached, for the assertion that nothing is left. */
  leftovers(): string[] {
    return [...this.attachments.keys()].map((id) => `network attachment ${id}`);
  }

  async status(): Promise<CniStatus> {
    return await this.#call({ verb: "status" }, () => this.current);
  }

  async attach(attachment: Attachment, signal: AbortSignal): Promise<NetworkResult> {
    return await this.#call({ verb: "attach", attachment, signal }, () => {
      const problem = problemOf(attachment);
      if (problem !== undefined) throw problem;
      if (!this.current.ready) throw new CriError("failedPrecondition", this.current.reason);
      const { containerId } = attachment;
      const ip = this.attachments.get(containerId)?.ip ?? this.#freeIp();
      this.attachments.set(containerId, { attachment, ip });
      return resultOf(attachment, ip);
    });
  }

  async detach(attachment: Attachment, signal: AbortSignal): Promise<void> {
    await this.#call({ verb: "detach", attachment, signal }, () => {
      this.attachments.delete(attachment.containerId);
    });
  }

  async check(attachment: Attachment, signal: AbortSignal): Promise<void> {
    await this.#call({ verb: "check", attachment, signal }, () => {
      const { containerId } = attachment;
      if (this.attachments.has(containerId)) return;
      throw new CriError("failedPrecondition", `${containerId} is not attached`);
    });
  }

  async gc(valid: readonly ValidAttachment[], signal: AbortSignal): Promise<void> {
    await this.#call({ verb: "gc", signal }, () => {
      const ids = new Set(valid.map(({ containerId }) => containerId));
      for (const id of this.attachments.keys()) {
        if (!ids.has(id)) this.attachments.delete(id);
      }
    });
  }

  describe(): unknown {
    return { PluginDirs: [], PluginConfDir: "", PluginMaxConfNum: 1, Prefix: "eth", Networks: [] };
  }

  close(): void {
    this.isClosed = true;
  }

  async #call<T>(
    o: { verb: CniVerb; attachment?: Attachment; signal?: AbortSignal },
    work: () => T,
  ): Promise<T> {
    const { verb, attachment, signal } = o;
    this.calls.push(attachment === undefined ? verb : `${verb} ${attachment.containerId}`);
    const steps = async () => {
      await this.before?.(verb, attachment);
      const result = work();
      await this.after?.(verb, attachment);
      return result;
    };
    if (signal === undefined) return await steps();
    try {
      signal.throwIfAborted();
      return await waitFor(steps(), signal);
    } catch (error) {
      throw signal.aborted && error === signal.reason ? toCriError(error) : error;
    }
  }

  #freeIp(): string {
    const taken = new Set([...this.attachments.values()].map(({ ip }) => ip));
    for (let host = 2; host < 65_534; host++) {
      const ip = `10.88.${host >> 8}.${host & 255}`;
      if (!taken.has(ip)) return ip;
    }
    throw new CriError("resourceExhausted", "The fake network has no address left");
  }
}

function resultOf({ ifName, netnsPath }: Attachment, ip: string): NetworkResult {
  const own = {
    ipConfigs: [{ ip, gateway: "10.88.0.1" }],
    mac: "02:00:00:00:00:01",
    sandbox: netnsPath,
    pciId: "",
    socketPath: "",
  };
  return {
    ips: [ip],
    interfaces: new Map([[ifName, own]]),
    routes: [{ dst: "0.0.0.0/0", gw: "" }],
    dns: [{ nameservers: [], domain: "", search: [], options: [] }],
    raw: {
      cniVersion: "1.0.0",
      interfaces: [{ name: ifName, mac: own.mac, sandbox: netnsPath }],
      ips: [{ address: `${ip}/16`, gateway: "10.88.0.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: {},
    },
  };
}
