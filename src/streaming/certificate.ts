/** A certificate that vouches for itself (RFC 5280): of a P-256 key, for one server. */
import { isIP, isIPv4 } from "node:net";
import {
  bits,
  type Der,
  explicit,
  implicit,
  integer,
  objectId,
  octets,
  sequence,
  setOf,
  time,
  TRUE,
  utf8,
} from "./der.ts";

/** Texts in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and addresses that clients may know the server by. */
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const SERIAL_BYTES = 16;
const P256 = { name: "ECDSA", namedCurve: "P-256" };
const COORDINATE_BYTES = 32;

const COMMON_NAME = "2.5.4.3";
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const KEY_USAGE = "2.5.29.15";
const ALTERNATIVE_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** In the bits of KeyUsage the first one, alone. */
const DIGITAL_SIGNATURE = bits(Uint8Array.of(0x80), 7);

/** In GeneralName. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** With a key that nobody else has seen. */
export async function makeCertificate(options: CertificateOptions): Promise<Certificate> {
  const keys = await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const privateKey = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const body = bodyOf(options, publicKey);
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    keys.privateKey,
    body,
  );
  const der = sequence(body, algorithm(), bits(signatureOf(new Uint8Array(signature))));
  return { cert: pem("CERTIFICATE", der), key: pem("PRIVATE KEY", privateKey) };
}

const algorithm = (): Der => sequence(objectId(ECDSA_WITH_SHA256));

/** Issuer and subject are one. */
function bodyOf(
  { hosts, notBeforeMs, notAfterMs }: CertificateOptions,
  publicKey: Uint8Array,
): Der {
  const name = sequence(setOf(sequence(objectId(COMMON_NAME), utf8("cri-containerd"))));
  const version3 = integer(2);
  return sequence(
    explicit(0, version3),
    serial(),
    algorithm(),
    name,
    sequence(time(notBeforeMs), time(notAfterMs)),
    name,
    publicKey,
    explicit(
      3,
      sequence(
        // No authority: what is trusted because of it is this one server.
        extension(BASIC_CONSTRAINTS, sequence(), true),
        extension(KEY_USAGE, DIGITAL_SIGNATURE, true),
        extension(EXTENDED_KEY_USAGE, sequence(objectId(SERVER_AUTH))),
        extension(ALTERNATIVE_NAME, sequence(...hosts.map(generalName))),
      ),
    ),
  );
}

function extension(id: string, value: Der, isCritical = false): Der {
  const critical = isCritical ? [TRUE] : [];
  return sequence(objectId(id), ...critical, octets(value));
}

function generalName(host: string): Der {
  if (isIP(host) === 0) return implicit(DNS_NAME, new TextEncoder().encode(host));
  return implicit(IP_ADDRESS, isIPv4(host) ? ipv4Bytes(host) : ipv6Bytes(host));
}

function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split(".").map(Number));
}

/** The parser of URLs writes each form of an address in one way: with zeros left out once. */
function ipv6Bytes(address: string): Uint8Array {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = "", after = ""] = short.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((hex) => parseInt(hex, 16));
  const [first, last] = [groups(before), groups(after)];
  const view = new DataView(new ArrayBuffer(16));
  first.forEach((group, at) => view.setUint16(at * 2, group));
  last.forEach((group, at) => view.setUint16((8 - last.length + at) * 2, group));
  return new Uint8Array(view.buffer);
}

function serial(): Der {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  // Positive, and without zeros in front.
  return integer(0x40 | ((bytes[0] ?? 0) & 0x3f), ...bytes.subarray(1));
}

/** From both numbers side by side, as the web's interface has it, to X.509's sequence of them. */
function signatureOf(raw: Uint8Array): Der {
  return sequence(
    unsigned(raw.subarray(0, COORDINATE_BYTES)),
    unsigned(raw.subarray(COORDINATE_BYTES)),
  );
}

function unsigned(bytes: Uint8Array): Der {
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = from < 0 ? Uint8Array.of(0) : bytes.subarray(from);
  return (digits[0] ?? 0) >= 0x80 ? integer(0, ...digits) : integer(...digits);
}

function pem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
