import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { keepFresh, ownCertificate } from "./own_certificate.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2031, 4, 6, 7, 8, 9);
const HOSTS = ["node.example", "127.0.0.1", "::1", "2001:db8::5"];

async function inFolder(check: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "own-certificate-" });
  try {
    await check(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("ownCertificate() is for its hosts, for a year, for servers, signed by its own key", () =>
  inFolder(async (dir) => {
    const { cert } = await ownCertificate({ dir, hosts: HOSTS }, NOW_MS);
    const parsed = new X509Certificate(cert);
    assert.equal(parsed.validFromDate.getTime(), NOW_MS - DAY_MS / 24);
    assert.equal(parsed.validToDate.getTime(), NOW_MS + 365 * DAY_MS);
    assert.equal(parsed.checkHost("node.example"), "node.example");
    assert.equal(parsed.checkHost("other.example"), undefined);
    for (const address of HOSTS.slice(1)) assert.equal(parsed.checkIP(address), address);
    assert.equal(parsed.checkIP("127.0.0.2"), undefined);
    assert.equal(parsed.ca, false);
    assert.deepEqual(parsed.keyUsage, ["DigitalSignature"]);
    assert(parsed.verify(parsed.publicKey));
  }));

Deno.test("ownCertificate() has a year of four digits where X.509 wants one", () =>
  inFolder(async (dir) => {
    const { cert } = await ownCertificate({ dir, hosts: HOSTS }, Date.UTC(2049, 6, 1));
    const parsed = new X509Certificate(cert);
    assert.equal(parsed.validFromDate.getUTCFullYear(), 2049);
    assert.equal(parsed.validToDate.getTime(), Date.UTC(2050, 6, 1));
  }));

Deno.test("ownCertificate() keeps its key from everybody", () =>
  inFolder(async (dir) => {
    await ownCertificate({ dir, hosts: HOSTS }, NOW_MS);
    assert.equal(((await Deno.stat(`${dir}/key.pem`)).mode ?? 0) & 0o777, 0o600);
    const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
    assert.deepEqual(names.sort(), ["cert.pem", "key.pem"]);
  }));

interface Case {
  name: string;
  isKept: boolean;
  hosts?: readonly string[];
  days?: number;
  spoil?(dir: string): Promise<void>;
}

const CASES: readonly Case[] = [
  { name: "is the same after a restart", isKept: true },
  { name: "is the same for one host of several", isKept: true, hosts: ["127.0.0.1"] },
  { name: "is the same with 31 days left", isKept: true, days: 334 },
  { name: "is made anew with 29 days left", isKept: false, days: 336 },
  { name: "is made anew when its time is over", isKept: false, days: 400 },
  { name: "is made anew for a clock that was set back", isKept: false, days: -1 },
  { name: "is made anew for another host", isKept: false, hosts: ["other.example"] },
  { name: "is made anew for another address", isKept: false, hosts: ["192.0.2.1"] },
  {
    name: "is made anew without its key",
    isKept: false,
    spoil: (dir) => Deno.remove(`${dir}/key.pem`),
  },
  {
    name: "is made anew when it can't be read",
    isKept: false,
    spoil: (dir) => Deno.writeTextFile(`${dir}/cert.pem`, "nothing"),
  },
  {
    name: "is made anew when the key is another's",
    isKept: false,
    spoil: (dir) =>
      inFolder(async (other) => {
        await ownCertificate({ dir: other, hosts: HOSTS }, NOW_MS);
        await Deno.copyFile(`${other}/key.pem`, `${dir}/key.pem`);
      }),
  },
];

for (const { name, isKept, hosts = HOSTS, days = 0, spoil } of CASES) {
  Deno.test(`ownCertificate() ${name}`, () =>
    inFolder(async (dir) => {
      const first = await ownCertificate({ dir, hosts: HOSTS }, NOW_MS);
      await spoil?.(dir);
      const second = await ownCertificate({ dir, hosts }, NOW_MS + days * DAY_MS);
      assert.equal(second.cert === first.cert && second.key === first.key, isKept);
      const again = await ownCertificate({ dir, hosts }, NOW_MS + days * DAY_MS);
      assert.deepEqual(again, second);
    }));
}

Deno.test("keepFresh() hands a new certificate out once, and tries again when that fails", () =>
  inFolder(async (dir) => {
    const options = { dir, hosts: HOSTS };
    const current = await ownCertificate(options);
    const { promise, resolve } = Promise.withResolvers<string>();
    let tries = 0;
    const renewed = ({ cert }: { cert: string }) => {
      tries++;
      if (tries === 1) return Promise.reject(new Error("the port is taken"));
      return Promise.resolve(resolve(cert));
    };
    await Deno.remove(`${dir}/cert.pem`);
    using _fresh = keepFresh(options, { current, renewed, lookMs: 1 });
    const cert = await promise;
    assert.notEqual(cert, current.cert);
    assert.equal(cert, await Deno.readTextFile(`${dir}/cert.pem`));
    assert.equal(tries, 2);
  }));
