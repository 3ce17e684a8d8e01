import assert from "node:assert/strict";
import { checkText } from "./check.ts";

function problems(toml: string): string {
  return checkText(toml, "c.toml").problems.map(({ line, text }) => `${line}: ${text}`).join("\n");
}

Deno.test("mirrors in containerd's old form are refused with the files to write instead", () => {
  const text = problems(`
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["https://mirror.example", "http://10.0.0.1:5000"]
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."*"]
  endpoint = ["https://all.example"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."mirror.example".tls]
  ca_file = "/etc/ca.crt"
  cert_file = "/etc/me.cert"
  key_file = "/etc/me.key"
[plugins."io.containerd.grpc.v1.cri".registry.configs."lone.example:5000".tls]
  insecure_skip_verify = true
[plugins."io.containerd.grpc.v1.cri".registry.configs."mirror.example".auth]
  password = "s3cret"
`);
  assert.match(text, /tables of registries are not read here; write instead/);
  assert(text.includes(`    /etc/containerd/certs.d/docker.io/hosts.toml:
      [host."https://mirror.example"]
        ca = "/etc/ca.crt"
        client = [["/etc/me.cert","/etc/me.key"]]
      [host."http://10.0.0.1:5000"]
    /etc/containerd/certs.d/_default/hosts.toml:
      [host."https://all.example"]
    /etc/containerd/certs.d/mirror.example/hosts.toml:
      ca = "/etc/ca.crt"
      client = [["/etc/me.cert","/etc/me.key"]]
    /etc/containerd/certs.d/lone.example:5000/hosts.toml:
      skip_verify = true
`));
  assert.match(text, /credentials_file/);
  assert(!text.includes("s3cret"));
});

Deno.test("the same tables below [images] are refused in the same words", () => {
  const toml = `[images.registry.mirrors."a.example"]\nendpoint = ["https://b.example"]`;
  assert.match(problems(toml), /a\.example\/hosts\.toml:\n\s+\[host\."https:\/\/b\.example"\]/);
  const short = `[images.mirrors."a.example"]\nendpoint = ["https://b.example"]`;
  assert.match(problems(short), /a\.example\/hosts\.toml:\n\s+\[host\."https:\/\/b\.example"\]/);
});

Deno.test("other tables of containerd's plugins are unknown keys as any", () => {
  assert.match(problems(`[plugins."io.containerd.x"]\na = 1`), /^1: unknown key/);
});
