/** A folder that stands for a node's root, with install.sh run on it. */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";
import { writeRelease } from "./releases.ts";
import { sh } from "./sh.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that stands for the node, and one with a release. */
export class Place implements AsyncDisposable {
  constructor(readonly dir: string) {}

  get root(): string {
    return `${this.dir}/root`;
  }

  get releases(): string {
    return `${this.dir}/releases`;
  }

  /** Runs install.sh, by dash with the tools of this machine unless it is told otherwise. */
  async install(
    args: readonly string[],
    o: { shell?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<Ran> {
    const [program = "", ...before] = o.shell ?? ["dash"];
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...before, `${ROOT}install.sh`, "--root", this.root, ...args],
      env: o.env ?? {},
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  async installed(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.install(args);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    return stdout;
  }

  /** Everything under the root: modes, sizes and times. */
  async tree(): Promise<string> {
    return await sh("find", this.root, "-printf", "%P %M %s %T@ %l\n");
  }

  read(path: string): Promise<string> {
    return Deno.readTextFile(`${this.root}${path}`);
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(`${this.root}${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${this.root}${path}`, text);
  }

  async has(path: string): Promise<boolean> {
    return await Deno.lstat(`${this.root}${path}`).then(() => true, () => false);
  }

  /** Serves the releases on loopback by their names, wherever they are asked for. */
  serve(onAsked: (path: string) => void = () => {}): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async ({ url }) => {
      const { pathname } = new URL(url);
      onAsked(pathname);
      const name = pathname.split("/").at(-1) ?? "";
      const body = await Deno.readFile(`${this.releases}/${name}`).catch(() => undefined);
      return body === undefined ? new Response("", { status: 404 }) : new Response(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** A Debian-like root with containerd and runc, and a release 1.0.0. */
export async function place(): Promise<Place> {
  const it = new Place(await Deno.makeTempDir({ prefix: "cri-install-" }));
  await it.write("/etc/os-release", 'PRETTY_NAME="Testing 1"\n');
  await it.write("/lib/systemd/systemd", "");
  await Deno.chmod(`${it.root}/lib/systemd/systemd`, 0o755);
  for (const program of ["containerd", "containerd-shim-runc-v2", "runc"]) {
    await it.write(`/usr/bin/${program}`, "");
    await Deno.chmod(`${it.root}/usr/bin/${program}`, 0o755);
  }
  await writeRelease({ dir: it.releases, version: "1.0.0" });
  return it;
}
