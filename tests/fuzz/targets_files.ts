/** Files of the node and of images, and what other programs write: all may be anybody's. */
import { isResult, networkResult } from "../../src/cni/result.ts";
import { parseNetwork } from "../../src/cni/conf.ts";
import { parseJson } from "../../src/cni/json.ts";
import { parseConfig } from "../../src/config/load.ts";
import { defaultToml } from "../../src/config/document.ts";
import { migrateConfig } from "../../src/config/migrate.ts";
import { packTar, readArchive } from "../../src/images/archive.ts";
import {
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  parseArtifact,
  parseConfig as parseImageConfig,
  parseIndex,
  parseManifest,
} from "../../src/images/manifest.ts";
import { parseReference } from "../../src/images/reference.ts";
import { capabilitiesOf } from "../../src/linux/capabilities.ts";
import { mountPointsUnder, sharingAt } from "../../src/linux/mountinfo.ts";
import { cgroupMounts } from "../../src/linux/cgroups.ts";
import { parseBaseSpec } from "../../src/oci/base_spec.ts";
import { checkCdiFile } from "../../src/oci/cdi.ts";
import { containerUser } from "../../src/oci/user.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { parseHostsFile } from "../../src/registry/hosts_file.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/state/checkpoint.ts";
import { decodeContainerMetadata, decodeSandboxMetadata } from "../../src/state/metadata.ts";
import { type Target, textTarget } from "./target.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;
const descriptor = { mediaType: OCI_MANIFEST, digest: DIGEST, size: 7 };
const platform = { os: "linux", architecture: "amd64", variant: "v2" };

const INDEX = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [{ ...descriptor, platform }],
});
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: { ...descriptor, mediaType: OCI_CONFIG },
  layers: [{ ...descriptor, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }],
  annotations: { a: "b" },
});
const IMAGE_CONFIG = JSON.stringify({
  ...platform,
  config: {
    User: "1000:0",
    Env: ["PATH=/bin"],
    Entrypoint: ["/a"],
    Cmd: ["b"],
    Volumes: { "/v": {} },
    WorkingDir: "/w",
    Labels: { a: "b" },
    StopSignal: "SIGTERM",
  },
  rootfs: { type: "layers", diff_ids: [DIGEST] },
});

const ARCHIVE = await packTar([
  { path: "oci-layout", body: '{"imageLayoutVersion":"1.0.0"}' },
  { path: `blobs/sha256/${"ab".repeat(32)}`, body: "x".repeat(700) },
]);

const images: readonly Target[] = [
  {
    name: "archive of images",
    examples: [ARCHIVE],
    take: async (input) => {
      for await (const { path, body } of readArchive(ReadableStream.from([input]))) {
        if (path.startsWith("/") || path.split("/").includes("..")) throw new Error(path);
        for await (const _ of body);
      }
    },
  },
  {
    name: "image index",
    examples: [INDEX],
    take: (input) => void parseIndex(input, OCI_INDEX),
  },
  {
    name: "image manifest",
    examples: [MANIFEST],
    take: (input) => {
      parseManifest(input, OCI_MANIFEST);
      parseArtifact(input, OCI_MANIFEST);
    },
  },
  { name: "image config", examples: [IMAGE_CONFIG], take: (input) => void parseImageConfig(input) },
  textTarget({
    name: "image reference",
    examples: [`registry.example:5000/team/web:1.27@${DIGEST}`, "busybox"],
    take: (text) => void parseReference(text),
  }),
  textTarget({
    name: "passwd, group and an image's user",
    examples: [
      "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/:/x\n\troot:x:0:\nweb:x:33:web,a\n\tweb",
    ],
    take: (text) => {
      const [passwd = "", group = "", user = ""] = text.split("\n\t");
      const found = containerUser(undefined, user, { passwd, group });
      for (const id of [found.uid, found.gid, ...found.additionalGids]) {
        if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff) throw new Error(`the id ${id}`);
      }
    },
  }),
  textTarget({
    name: "challenge of a registry",
    examples: ['Bearer realm="https://a.example/token",service="b",scope="repository:c:pull"'],
    take: (text) => void parseChallenges(text),
  }),
];

const CONFLIST = JSON.stringify({
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "b",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.0.0.0/8" }]] },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});
const RESULT = JSON.stringify({
  cniVersion: "1.0.0",
  interfaces: [{ name: "b0" }, { name: "eth0", mac: "0a:00:00:00:00:01", sandbox: "/n" }],
  ips: [{ address: "10.0.0.2/8", gateway: "10.0.0.1", interface: 1 }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
  dns: { nameservers: ["10.0.0.1"], domain: "d", search: ["s"], options: ["o"] },
});

const network: readonly Target[] = [
  textTarget({
    name: "CNI configuration",
    examples: [CONFLIST, '{"cniVersion":"0.4.0","name":"n","type":"bridge"}'],
    take: (text) => void parseNetwork({ file: "10-x.conflist", text }),
  }),
  textTarget({
    name: "CNI result",
    examples: [RESULT],
    // A plugin's nonsense is nobody's argument: internal, in words that name the network.
    kinds: ["internal"],
    take: (text) => {
      const parsed = parseJson(text);
      if ("problem" in parsed || !isResult(parsed.value)) return;
      networkResult([{ ifName: "eth0", raw: parsed.value }]);
    },
  }),
  textTarget({
    name: "hosts.toml",
    examples: [
      'server = "https://a.example"\n[host."https://m.example/v2"]\ncapabilities = ["pull"]\n' +
      'ca = "ca.crt"\nskip_verify = true\n[host."https://m.example/v2".header]\nx = ["y"]\n',
    ],
    take: (text) => void parseHostsFile(text, "/x/hosts.toml"),
  }),
];

const node: readonly Target[] = [
  textTarget({
    name: "config.toml",
    examples: [defaultToml(), 'root = "/a"\n[containerd]\nmanaged = true\n'],
    take: (text) => void parseConfig(text),
  }),
  textTarget({
    name: "containerd's config.toml",
    examples: [
      'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "p"\n' +
      '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\nruntime_type = "r"\n',
    ],
    take: (text) => void migrateConfig(text, "config.toml"),
  }),
  textTarget({
    name: "checkpoint",
    examples: [
      encodeCheckpoint({
        createdAtNs: 1_795_000_000_000_000_001n,
        state: { kind: "running", pid: 42, startedAtNs: 1_795_000_000_123_456_789n },
      }),
    ],
    kinds: ["internal"],
    take: (text) => void decodeCheckpoint(text),
  }),
  {
    name: "metadata of a pod",
    examples: [
      '{"Version":"v1","Metadata":{"ID":"a","Name":"n","Config":{"metadata":{"name":"x"},' +
      '"labels":{"a":"b"},"linux":{"sysctls":{"c":"d"}}},"NetNSPath":"/n","IP":"10.0.0.1"}}',
    ],
    kinds: ["internal"],
    take: (input) => void decodeSandboxMetadata(input),
  },
  {
    name: "metadata of a container",
    examples: [
      '{"Version":"v1","Metadata":{"ID":"a","Name":"n","SandboxID":"b","Config":{"envs":' +
      '[{"key":"A","value":"Yg=="}],"mounts":[{"host_path":"/x"}]},"StopSignal":"15"}}',
    ],
    kinds: ["internal"],
    take: (input) => void decodeContainerMetadata(input),
  },
  textTarget({
    name: "mountinfo",
    examples: [
      "25 1 0:22 / /sys/fs/cgroup/cpu rw shared:7 master:1 - cgroup cgroup rw,cpu,cpuacct\n",
    ],
    take: (text) => {
      mountPointsUnder(text, "/sys");
      sharingAt(text, "/sys/fs");
      cgroupMounts(text);
    },
  }),
  textTarget({
    name: "status of a process",
    examples: ["Name:\tx\nCapEff:\t000001ffffffffff\n"],
    kinds: ["internal", "failedPrecondition"],
    take: (text) => void capabilitiesOf(text),
  }),
  textTarget({
    name: "base spec",
    examples: [
      '{"ociVersion":"1.0.2","process":{"env":["A=b"],"rlimits":[]},"mounts":[],"hooks":{}}',
    ],
    take: (text) => void parseBaseSpec({ path: "/x.json", text }),
  }),
  textTarget({
    name: "CDI file",
    examples: [
      '{"cdiVersion":"0.6.0","kind":"v.example/gpu","devices":[{"name":"0","containerEdits":' +
      '{"env":["A=b"],"deviceNodes":[{"path":"/dev/x"}]}}]}',
    ],
    take: (text) => {
      const parsed = parseJson(text);
      if (!("problem" in parsed)) checkCdiFile("/x.json", parsed.value);
    },
  }),
];

export const FILE_TARGETS: readonly Target[] = [...images, ...network, ...node];
