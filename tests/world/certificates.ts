/** Certificates of an authority of its own, made by openssl. */

export interface Authority {
  /** Path of its certificate. */
  readonly ca: string;
  /** Makes a certificate with its key, signed by it; for servers on 127.0.0.1 and for clients. */
  issue(name: string): Promise<{ cert: string; key: string }>;
}

export async function hasOpenssl(): Promise<boolean> {
  try {
    return (await new Deno.Command("openssl", { args: ["version"] }).output()).success;
  } catch {
    return false;
  }
}

/** An authority whose files lie in `dir`. */
export async function makeAuthority(dir: string): Promise<Authority> {
  const ca = `${dir}/ca.crt`;
  const subject = ["-subj", "/CN=Authority of a test"];
  await openssl(["req", "-x509", ...newKey(`${dir}/ca.key`), "-out", ca, ...subject]);
  return {
    ca,
    issue: async (name) => {
      const [cert, key] = [`${dir}/${name}.cert`, `${dir}/${name}.key`];
      const extension = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
      const use = ["-addext", "basicConstraints=critical,CA:FALSE"];
      const signer = ["-CA", ca, "-CAkey", `${dir}/ca.key`];
      const options = ["-subj", `/CN=${name}`, ...extension, ...use, ...signer];
      await openssl(["req", "-x509", ...newKey(key), "-out", cert, ...options]);
      return { cert, key };
    },
  };
}

function newKey(path: string): string[] {
  const curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"];
  return ["-newkey", "ec", ...curve, "-nodes", "-days", "2", "-keyout", path];
}

async function openssl(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
}
