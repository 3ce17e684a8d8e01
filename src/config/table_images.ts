/** The keys of `[images]`; see {@link import("./table.ts")}. */
import {
  choice,
  duration,
  integer,
  type Named,
  path,
  paths,
  section,
  text,
  texts,
} from "./field.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SIGNATURE = {
  keys: paths({
    default: ["/etc/cri-containerd/cosign.pub"],
    meaning: "Files of public keys in PEM form; a signature by one of them is enough.",
  }),
} as const;

const SIGNATURES: Named<typeof SIGNATURE> = {
  node: "named",
  meaning:
    "Images whose names begin so are only pulled when they are signed (`cosign sign --key`). " +
    'The longest name counts; "*" is for all images that no other name fits.',
  keys: SIGNATURE,
  always: [],
  allowedName: 'a registry, the beginning of a repository such as "registry.example/team", or "*"',
  name: /^(?:\*|[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9._-]+)*)$/,
};

export const IMAGES = section("Images and where they come from.", {
  sandbox_image: text({
    default: "",
    meaning: 'The image of pods\' sandbox containers; "" is the built-in one, which needs no ' +
      "registry.",
  }),
  registry_config: path({
    default: "/etc/containerd/certs.d",
    empty: "no such folder",
    meaning: "Folder of hosts.toml files: mirrors, certificates and headers of registries.",
  }),
  credentials_file: path({
    default: "",
    empty: "no such file",
    meaning: "A file in the form of Docker's config.json with the node's credentials for " +
      "registries, for pulls that bring none of their own.",
  }),
  short_names: text({
    default: "docker.io",
    form: /^(?:[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9._-]+)*)?$/,
    allowed: 'a registry such as "docker.io" or "registry.example:5000/team", or "" for none',
    meaning: 'Where images without a registry in their name come from; "" refuses such names.',
  }),
  pinned_images: texts({
    default: [],
    meaning: "Images that the kubelet's garbage collection leaves alone, by name; * stands for " +
      'any characters, as in "registry.example/base/*".',
  }),
  import_dir: path({
    default: ({ root }) => `${root}/images`,
    meaning: "Folder of image archives that are imported when the daemon starts, and when they " +
      "are dropped in.",
  }),
  transfer: choice({
    default: "auto",
    choices: ["auto", "never"],
    meaning: "Whether containerd fetches layers by itself: auto where it can (2.0 and later), " +
      "which is faster; never has them fetched by this daemon.",
  }),
  max_parallel_downloads: integer({
    default: 3,
    min: 1,
    max: 64,
    meaning: "How many layers of one image are fetched at the same time.",
  }),
  max_node_downloads: integer({
    default: 12,
    min: 1,
    max: 256,
    meaning: "How many layers of all images together are fetched at the same time.",
  }),
  max_image_gib: integer({
    default: 256,
    min: 1,
    max: 65_536,
    meaning:
      "Images whose packed layers together, or one of whose unpacked layers, are larger are " +
      "refused, in GiB.",
  }),
  signatures: SIGNATURES,
  pull_progress_timeout: duration({
    default: 5 * MINUTE,
    min: 0,
    max: 24 * HOUR,
    meaning: 'A pull that received nothing for so long is given up; "0s" waits for ever.',
  }),
});
