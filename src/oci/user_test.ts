import assert from "node:assert/strict";
import { LinuxContainerSecurityContext, SupplementalGroupsPolicy } from "../gen/cri/v1/api.ts";
import { ACCOUNTS } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { containerUser, resolveUser, wantedUser } from "./user.ts";

type Parts = Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0];

function user(parts: Parts, image = "", accounts = ACCOUNTS) {
  return containerUser(LinuxContainerSecurityContext.fromPartial(parts), image, accounts);
}

const FOUND: { name: string; parts?: Parts; image?: string; is: [number, number, number[]] }[] = [
  { name: "root where nobody says anything", is: [0, 0, [0, 10]] },
  { name: "the image's user by name", image: "www-data", is: [33, 33, [33, 44]] },
  { name: "the image's user and group by name", image: "www-data:log", is: [33, 44, [44]] },
  { name: "the image's numbers", image: "1003:1004", is: [1003, 1004, [1004]] },
  { name: "group 0 for a number that passwd lacks", image: "1003", is: [1003, 0, [0]] },
  { name: "root's uid where the image names a group alone", image: ":7", is: [0, 7, [7, 10]] },
  { name: "the own group where the image's is empty", image: "33:", is: [33, 33, [33, 44]] },
  {
    name: "run_as_user before the image's",
    parts: { runAsUser: { value: 33n } },
    image: "1003:1004",
    is: [33, 33, [33, 44]],
  },
  {
    name: "run_as_username before run_as_user",
    parts: { runAsUsername: "www-data", runAsUser: { value: 0n } },
    is: [33, 33, [33, 44]],
  },
  {
    name: "supplemental groups merged with listed ones",
    parts: { runAsUser: { value: 33n }, runAsGroup: { value: 5n }, supplementalGroups: [9n, 5n] },
    is: [33, 5, [5, 9, 44]],
  },
  {
    name: "supplemental groups alone under Strict",
    parts: {
      runAsUser: { value: 33n },
      supplementalGroups: [9n],
      supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
    },
    is: [33, 33, [9, 33]],
  },
  {
    name: "the highest id",
    image: "2147483647:2147483647",
    is: [2147483647, 2147483647, [2147483647]],
  },
];

for (const { name, parts = {}, image = "", is: [uid, gid, additionalGids] } of FOUND) {
  Deno.test(`containerUser() finds ${name}`, () => {
    assert.deepEqual(user(parts, image), { uid, gid, additionalGids });
  });
}

const SC = "config.linux.security_context";
const REFUSED: { name: string; parts?: Parts; image?: string; field: string }[] = [
  {
    name: "a group without a user",
    parts: { runAsGroup: { value: 5n } },
    field: `${SC}.run_as_group`,
  },
  ...[-1n, 2147483648n, 4294967296n, 2n ** 63n - 1n].map((value) => ({
    name: `uid ${value}`,
    parts: { runAsUser: { value } },
    field: `${SC}.run_as_user.value`,
  })),
  {
    name: "a gid past 31 bits",
    parts: { runAsUser: { value: 1n }, runAsGroup: { value: 4294967296n } },
    field: `${SC}.run_as_group.value`,
  },
  {
    name: "a supplemental group past 31 bits",
    parts: { supplementalGroups: [1n, 4294967296n] },
    field: `${SC}.supplemental_groups[1]`,
  },
  {
    name: "an unknown policy",
    parts: { supplementalGroupsPolicy: SupplementalGroupsPolicy.UNRECOGNIZED },
    field: `${SC}.supplemental_groups_policy`,
  },
  {
    name: "a name that passwd lacks",
    parts: { runAsUsername: "eve" },
    field: `${SC}.run_as_username`,
  },
  ...["2147483648", "4294967295", "4294967296", "-1", "0x0", "9".repeat(40_000), "1:2:3", "33:eve"]
    .map((image) => ({
      name: `the image's User ${image.slice(0, 12)}`,
      image,
      field: "the image's User",
    })),
];

for (const { name, parts = {}, image = "", field } of REFUSED) {
  Deno.test(`containerUser() refuses ${name}`, () => {
    const error = refuses(() => user(parts, image), field);
    assert(error.message.length < 300, "a hostile value isn't repeated whole");
  });
}

Deno.test("resolveUser() passes over lines that aren't whole, which would be root's", () => {
  const accounts = {
    passwd: "\n#eve:x:5:5:\neve\neve:x\neve:x::\neve:x:-1:0\neve:x:1e3:0\n eve:x:7:8::/:\r\n",
    group: "staff\nstaff:x\nstaff:x::eve\n+:::\nstaff:x:9: eve , bob\n",
  };
  const wanted = wantedUser(undefined, "eve:staff");
  assert.deepEqual(resolveUser(accounts.passwd, accounts.group, wanted), {
    uid: 7,
    gid: 9,
    additionalGids: [9],
  });
});

Deno.test("resolveUser() refuses an account whose id wraps around", () => {
  const passwd = "nobody:x:4294967294:65534:::\n";
  refuses(
    () => user({ runAsUsername: "nobody" }, "", { passwd, group: "" }),
    `${SC}.run_as_username`,
  );
});
