/** The pods and containers that tests ask for, in the JSON that crictl takes. */
import { FakeRegistry } from "../fakes/registry.ts";
import { busyboxFiles, testImage } from "../fakes/test_image.ts";
import type { Crictl } from "./crictl.ts";
import type { Daemon } from "./daemon.ts";

/** A pod's config; `more` replaces members. */
export function podConfig(daemon: Daemon, name: string, more: object = {}): object {
  return {
    metadata: { name, namespace: "default", uid: `uid-${name}`, attempt: 0 },
    hostname: name,
    log_directory: `${daemon.logDir}/${name}`,
    linux: { cgroup_parent: daemon.cgroupParent },
    ...more,
  };
}

/** A container's config that runs a busybox command line; `more` replaces members. */
export function containerConfig(name: string, image: string, more: object = {}): object {
  return {
    metadata: { name, attempt: 0 },
    image: { image },
    command: ["sleep", "1000"],
    log_path: `${name}.log`,
    linux: {},
    ...more,
  };
}

/** A registry with one image of busybox, at `image`. */
export interface BusyboxRegistry extends AsyncDisposable {
  readonly registry: FakeRegistry;
  readonly image: string;
}

export async function busyboxRegistry(): Promise<BusyboxRegistry> {
  const registry = new FakeRegistry();
  const config = { Env: ["PATH=/bin"], Cmd: ["sh"] };
  registry.addImage("busybox:1", testImage({ layers: [await busyboxFiles()], config }));
  return {
    registry,
    image: `${registry.host}/busybox:1`,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/** Pods and containers by crictl, from the requests above. */
export class Pods {
  readonly #crictl: Crictl;
  readonly #daemon: Daemon;

  constructor(crictl: Crictl, daemon: Daemon) {
    this.#crictl = crictl;
    this.#daemon = daemon;
  }

  /** Runs a pod and gives its id. */
  async run(name: string, more: object = {}): Promise<string> {
    const file = await this.#crictl.file(podConfig(this.#daemon, name, more));
    return (await this.#crictl("runp", file)).trim();
  }

  /** Creates a container in a pod and gives its id. */
  async create(pod: string, request: { pod: object; container: object }): Promise<string> {
    const files = [
      await this.#crictl.file(request.container),
      await this.#crictl.file(request.pod),
    ];
    return (await this.#crictl("create", pod, ...files)).trim();
  }

  /** Removes every pod, as an administrator does. */
  async removeAll(): Promise<void> {
    await this.#crictl("rmp", "--all", "--force");
  }
}
