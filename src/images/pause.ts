/** The built-in pause image: made here, so that no registry is needed to start a pod. */
import { packTar } from "./archive.ts";
import { digestOf } from "./chain.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "./manifest.ts";
import { PAUSE_IMAGE_NAME } from "./pause_name.ts";
import { type PauseArchitecture, pauseProgram } from "./pause_program.ts";
import type { BuiltImage } from "./sandbox_image.ts";

const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";

/** Nobody's: it needs no rights, and owns nothing. */
const USER = "65535:65535";

/** The same bytes, and so the same digests, whenever and wherever it is built. */
export async function buildPauseImage(architecture: string): Promise<BuiltImage> {
  const program = pauseProgram(knownArchitecture(architecture));
  const layer = await packTar([{ path: "pause", mode: 0o755, body: program }]);
  const layerDigest = digestOf(layer);
  const config = json({
    architecture,
    os: "linux",
    config: { User: USER, Entrypoint: ["/pause"], Env: ["PATH=/"], WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [layerDigest] },
    history: [{ created_by: "cri-containerd, built-in pause program" }],
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: OCI_LAYER, digest: layerDigest, size: layer.length }],
  });
  return {
    name: PAUSE_IMAGE_NAME,
    layers: [{ mediaType: OCI_LAYER, digest: layerDigest, bytes: layer, diffId: layerDigest }],
    config: { digest: digestOf(config), bytes: config },
    manifest: { digest: digestOf(manifest), bytes: manifest },
  };
}

function knownArchitecture(architecture: string): PauseArchitecture {
  if (architecture === "amd64" || architecture === "arm64") return architecture;
  throw new Error(`there is no pause program for ${architecture}`);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
