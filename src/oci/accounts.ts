/**
 * passwd(5) and group(5) of images. They are hostile input: a line that isn't whole is passed over
 * instead of being read with zeros in it, which would make it root's.
 */

export interface Account {
  readonly name: string;
  readonly uid: bigint;
  readonly gid: bigint;
}

const NUMBER = /^[0-9]{1,10}$/;

/** The first account of a name or number. */
export function findAccount(passwd: string, wanted: string | number): Account | undefined {
  for (const [name = "", _password, uid = "", gid = ""] of records(passwd)) {
    if (name === "" || !NUMBER.test(uid) || !NUMBER.test(gid)) continue;
    const account = { name, uid: BigInt(uid), gid: BigInt(gid) };
    if (typeof wanted === "string" ? name === wanted : account.uid === BigInt(wanted)) {
      return account;
    }
  }
  return undefined;
}

/** The number of the first group of a name. */
export function findGroup(group: string, wanted: string): bigint | undefined {
  for (const { name, gid } of groups(group)) if (name === wanted) return gid;
  return undefined;
}

/** The groups that list a user as a member, other than the one named after it. */
export function groupsOf(group: string, user: string): bigint[] {
  return [...groups(group)]
    .filter(({ name, members }) => name !== user && members.includes(user))
    .map(({ gid }) => gid);
}

function* groups(text: string): Generator<{ name: string; gid: bigint; members: string[] }> {
  for (const [name = "", _password, gid = "", members = ""] of records(text)) {
    if (name === "" || !NUMBER.test(gid)) continue;
    yield { name, gid: BigInt(gid), members: members.split(",").map((member) => member.trim()) };
  }
}

function* records(text: string): Generator<string[]> {
  for (const line of text.split("\n")) {
    const record = line.trim();
    if (record === "" || record.startsWith("#")) continue;
    yield record.split(":").map((field) => field.trim());
  }
}
