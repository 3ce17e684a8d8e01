/** A file system that never answers, as a network's whose server is gone. */
import { openLibc } from "../../src/linux/libc.ts";
import { linuxOn } from "../../src/linux/linux.ts";
import { SERVER_SYMBOLS } from "../../src/linux/symbols.ts";

const O_RDWR = 2;
/** A child that had it too would keep the connection up. */
const O_CLOEXEC = 0o2000000;

/** Mounts it; whoever looks at what is below the folder waits until it is disposed of. */
export function muteMount(dir: string): Disposable {
  const libc = openLibc(SERVER_SYMBOLS);
  const linux = linuxOn(libc);
  const fd = libc.open(new TextEncoder().encode("/dev/fuse\0"), O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) throw new Error("cannot open /dev/fuse");
  const options = [`fd=${fd}`, "rootmode=40000", "user_id=0", "group_id=0"];
  linux.mountAll([{ type: "fuse", source: "mute", options }], dir);
  return {
    [Symbol.dispose]: () => {
      // Its requests fail with the end of the connection.
      libc.close(fd);
      linux.unmount(dir);
    },
  };
}
