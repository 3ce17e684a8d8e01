/** What streaming clients and the kernel's cgroup files say. */
import { concat } from "../../src/base/concat.ts";
import { cgroupOf, parseHierarchies } from "../../src/stats/cgroups.ts";
import { detailsOf } from "../../src/stats/details.ts";
import { parseNetDev } from "../../src/stats/network.ts";
import { sampleV1 } from "../../src/stats/cgroup_v1.ts";
import { sampleV2 } from "../../src/stats/cgroup_v2.ts";
import { parseHead } from "../../src/streaming/http_head.ts";
import { ProtocolError } from "../../src/streaming/protocol_error.ts";
import { controlFrame, dataFrame, SpdyParser } from "../../src/streaming/spdy_frames.ts";
import { HeaderReader, HeaderWriter } from "../../src/streaming/spdy_headers.ts";
import { frameOf, WebSocketParser } from "../../src/streaming/websocket_frames.ts";
import { V1, V2 } from "../fixtures/cgroups.ts";
import { type Target, textTarget } from "./target.ts";

const isRefusal = (error: unknown) => error instanceof ProtocolError;

function headers(): Uint8Array<ArrayBuffer> {
  return new HeaderWriter().write(new Map([["streamtype", "data"], ["port", "80"]]));
}

function masked(): Uint8Array<ArrayBuffer> {
  const frame = frameOf(2, new Uint8Array(40));
  frame[1] = (frame[1] ?? 0) | 0x80;
  return concat([frame, new Uint8Array(4)]);
}

const streams: readonly Target[] = [
  {
    name: "SPDY frames",
    examples: [
      concat([
        controlFrame(1, [1, 0], { rest: concat([new Uint8Array(2), headers()]) }),
        dataFrame(1, new Uint8Array(20)),
        controlFrame(3, [1, 5]),
      ]),
    ],
    isRefusal,
    take: (input) => {
      for (const _ of new SpdyParser().push(input));
    },
  },
  {
    name: "SPDY headers",
    examples: [headers()],
    isRefusal,
    take: async (input) => {
      const reader = new HeaderReader();
      try {
        await reader.read(input);
      } finally {
        reader.close();
      }
    },
  },
  {
    name: "WebSocket frames",
    examples: [masked()],
    isRefusal,
    take: (input) => {
      for (const _ of new WebSocketParser().push(input));
    },
  },
  {
    name: "HTTP head",
    examples: [
      "GET /exec/x HTTP/1.1\r\nHost: a\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n",
    ],
    isRefusal,
    take: (input) => void parseHead(input),
  },
];

/** The files of one container, a file a part of the input. */
const BETWEEN = "\n\t";

function cgroupTarget(name: string, files: ReadonlyMap<string, string>): Target {
  const paths = [...files.keys()];
  return textTarget({
    name,
    examples: [[...files.values()].join(BETWEEN)],
    take: (text) => {
      const parts = text.split(BETWEEN);
      const read = (path: string) => parts[paths.indexOf(path)];
      const hierarchies = parseHierarchies(read("/proc/self/mountinfo") ?? "");
      const cgroup = cgroupOf(read, hierarchies, { pid: 200, id: "c1" });
      if (cgroup === undefined) return;
      if (cgroup.version === 1) sampleV1(read, cgroup, 1n);
      else sampleV2(read, cgroup, 1n);
      detailsOf(read, cgroup, ["2MB"]);
    },
  });
}

export const WIRE_TARGETS: readonly Target[] = [
  ...streams,
  cgroupTarget("files of cgroup v1", V1),
  cgroupTarget("files of cgroup v2", V2),
  textTarget({
    name: "net/dev",
    examples: ["Inter-|\n face |bytes\n eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"],
    take: (text) => void parseNetDev(text),
  }),
];
