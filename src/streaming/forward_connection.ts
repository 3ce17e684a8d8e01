/** Connects to a port in a pod and copies both ways, each until its own end. */
import type { SocketPair } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { Connected, LoopbackAddress } from "../linux/sockets.ts";
import { FdReader } from "./fd_reader.ts";
import { FdWriter } from "./fd_writer.ts";
import type { ForwardChannel } from "./forward_channel.ts";

/** Connecting to a loopback takes no time, unless nobody accepts. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Serves one connection to its end, and closes the sockets. */
export async function forwardConnection(
  io: LinuxIo,
  [ipv4, ipv6]: SocketPair,
  channel: ForwardChannel,
): Promise<void> {
  const { port } = channel;
  const first = await connect(io, ipv4, { family: "ipv4", port });
  if (first === "done") {
    if (ipv6 !== undefined) io.closeFd(ipv6);
    return await copyBothWays(io, ipv4, channel);
  }
  io.closeFd(ipv4);
  if (ipv6 !== undefined) {
    if (await connect(io, ipv6, { family: "ipv6", port }) === "done") {
      return await copyBothWays(io, ipv6, channel);
    }
    io.closeFd(ipv6);
  }
  channel.finish(`Cannot connect to port ${port} in the pod: ${first.failure}`);
}

type Final = Exclude<Connected, "later">;

async function connect(io: LinuxIo, fd: number, address: LoopbackAddress): Promise<Final> {
  const begun = io.connectLoopback(fd, address);
  if (begun !== "later") return begun;
  const { promise, resolve } = Promise.withResolvers<Connected>();
  const late = { failure: "ETIMEDOUT (timed out)" };
  const timer = setTimeout(resolve, CONNECT_TIMEOUT_MS, late);
  io.watchWritable(fd, () => resolve(io.connectOutcome(fd)));
  try {
    const outcome = await promise;
    return outcome === "later" ? late : outcome;
  } finally {
    clearTimeout(timer);
    io.unwatch(fd);
  }
}

async function copyBothWays(io: LinuxIo, fd: number, channel: ForwardChannel): Promise<void> {
  const writer = new FdWriter(io, io.duplicate(fd));
  const reader = new FdReader({
    io,
    fd,
    kind: "socket",
    take: (chunk) => {
      if (channel.send(chunk)) return true;
      void channel.drained().then(() => reader.resume());
      return false;
    },
  });
  // A client that gives the connection up is not to wait for the pod.
  void channel.wasReset.then(() => {
    reader.stop();
    writer.close();
  });
  const toPod = copyToPod(channel, writer, () => io.endSocket(fd));
  const how = await reader.ended;
  if (how === "broken") {
    writer.close();
    channel.reset();
  } else channel.end();
  await toPod;
  writer.close();
  channel.finish();
}

/** Until the client's end, which the pod then sees, or until the pod reads no more. */
async function copyToPod(
  channel: ForwardChannel,
  writer: FdWriter,
  endSocket: () => void,
): Promise<void> {
  for (let chunk = await channel.take(); chunk !== undefined;) {
    // What the pod has sent until then is still to be read.
    if (!await writer.write(chunk)) return channel.refuse();
    chunk = await channel.take();
  }
  if (!channel.isReset) endSocket();
}
