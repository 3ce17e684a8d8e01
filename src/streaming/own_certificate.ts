/**
 * The certificate that the daemon makes for itself: kept in a folder, so that it is the same after a
 * restart, and made anew before it is over.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import { replaceText } from "../base/replace_text.ts";
import { type Certificate, makeCertificate } from "./certificate.ts";

const log = logger("streaming");

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const LASTS_MS = 365 * DAY_MS;

/** So long before its end it is replaced: whoever copies it to where it is trusted has that time. */
const SPARE_MS = 30 * DAY_MS;

/** Valid from a little before now, for clients whose clock is behind. */
const EARLY_MS = HOUR_MS;

/** Often, for a node's clock may jump by years once it finds out what time it is. */
const LOOK_MS = HOUR_MS;

export interface OwnCertificateOptions {
  /** A folder of its own. */
  readonly dir: string;
  /** What clients know the server by. */
  readonly hosts: readonly string[];
}

/** The one in the folder while it is good, else a new one. */
export async function ownCertificate(
  { dir, hosts }: OwnCertificateOptions,
  nowMs = Date.now(),
): Promise<Certificate> {
  const kept = await read(dir);
  if (kept !== undefined && isGood(kept, { hosts, nowMs })) return kept;
  const notAfterMs = nowMs + LASTS_MS;
  const made = await makeCertificate({ hosts, notBeforeMs: nowMs - EARLY_MS, notAfterMs });
  // A crash between the two leaves a pair that doesn't match, which is none.
  await replaceText(`${dir}/key.pem`, made.key, 0o600);
  await replaceText(`${dir}/cert.pem`, made.cert, 0o644);
  log.info("Made a certificate for exec, attach and port-forward, good until {until}: {path}", {
    until: new Date(notAfterMs).toISOString(),
    path: `${dir}/cert.pem`,
  });
  return made;
}

export interface Freshness {
  readonly current: Certificate;
  renewed(certificate: Certificate): Promise<void>;
  readonly lookMs?: number;
}

/** Looks every hour whether it is time for a new one, and hands that out; disposed, it stops. */
export function keepFresh(
  options: OwnCertificateOptions,
  { current, renewed, lookMs = LOOK_MS }: Freshness,
): Disposable {
  let last = current.cert;
  const look = async () => {
    try {
      const certificate = await ownCertificate(options);
      if (certificate.cert === last) return;
      await renewed(certificate);
      last = certificate.cert;
    } catch (error) {
      log.error("The certificate of exec, attach and port-forward was not renewed: {error}", {
        error,
      });
    }
  };
  const over = new AbortController();
  void (async () => {
    while (true) {
      await pause(lookMs, over.signal);
      if (over.signal.aborted) return;
      await look();
    }
  })();
  return { [Symbol.dispose]: () => over.abort() };
}

async function read(dir: string): Promise<Certificate | undefined> {
  try {
    const [cert, key] = await Promise.all(
      ["cert", "key"].map((name) => Deno.readTextFile(`${dir}/${name}.pem`)),
    );
    return { cert: cert ?? "", key: key ?? "" };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isGood(
  { cert, key }: Certificate,
  { hosts, nowMs }: { hosts: readonly string[]; nowMs: number },
): boolean {
  try {
    const parsed = new X509Certificate(cert);
    const isOf = (host: string) =>
      (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined;
    return parsed.validFromDate.getTime() <= nowMs &&
      parsed.validToDate.getTime() - SPARE_MS > nowMs &&
      hosts.every(isOf) && parsed.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    log.warn("The certificate of exec, attach and port-forward is made anew: {error}", { error });
    return false;
  }
}
