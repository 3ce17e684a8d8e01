/** From an HTTP request to one of the protocols of exec, attach and port-forward. */
import { answer, listOf, type RequestHead } from "./http_head.ts";
import { acceptKey } from "./websocket.ts";

/** What the path of a URL begins with: which streams the client wants. */
export type StreamKind = "exec" | "attach" | "portforward";

export interface ChannelProtocol {
  readonly version: number;
  /** Messages are text, the channel a digit, the rest base64. */
  readonly isBase64: boolean;
}

/** What is spoken once the request is answered. */
export type Spoken =
  | { readonly kind: "spdy"; readonly version: number }
  | { readonly kind: "websocket"; readonly protocol: ChannelProtocol }
  /** SPDY within the messages of a WebSocket. */
  | { readonly kind: "tunnel" };

export type Upgrade =
  | { readonly ok: true; readonly spoken: Spoken; readonly answer: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly answer: Uint8Array<ArrayBuffer> };

const SPDY = "SPDY/3.1";
const STREAM_VERSION = "X-Stream-Protocol-Version";
const PORT_FORWARD = "portforward.k8s.io";

const COMMAND_VERSIONS = new Map([
  ["v4.channel.k8s.io", 4],
  ["v3.channel.k8s.io", 3],
  ["v2.channel.k8s.io", 2],
  ["channel.k8s.io", 1],
]);

const binary = (version: number): Spoken => ({
  kind: "websocket",
  protocol: { version, isBase64: false },
});
const base64 = (version: number): Spoken => ({
  kind: "websocket",
  protocol: { version, isBase64: true },
});

const COMMAND_CHANNELS = new Map<string, Spoken>([
  ["v5.channel.k8s.io", binary(5)],
  ["v4.channel.k8s.io", binary(4)],
  ["v4.base64.channel.k8s.io", base64(4)],
  ["v3.channel.k8s.io", binary(3)],
  ["v2.channel.k8s.io", binary(2)],
  ["channel.k8s.io", binary(1)],
  ["base64.channel.k8s.io", base64(1)],
]);

const FORWARD_CHANNELS = new Map<string, Spoken>([
  [`${SPDY}+${PORT_FORWARD}`, { kind: "tunnel" }],
  ["v4.channel.k8s.io", binary(4)],
  ["v4.base64.channel.k8s.io", base64(4)],
]);

/** Chooses what is spoken, in the client's order of preference. */
export function upgrade(head: RequestHead, kind: StreamKind): Upgrade {
  const upgrades = listOf(head, "upgrade").map((name) => name.toLowerCase());
  const isUpgrade = listOf(head, "connection").some((name) => name.toLowerCase() === "upgrade");
  if (isUpgrade && upgrades.includes("websocket")) return toWebSocket(head, kind);
  if (isUpgrade && upgrades.includes(SPDY.toLowerCase())) return toSpdy(head, kind);
  return refused(400, `Only an upgrade to ${SPDY} or websocket leads on from here`);
}

function toSpdy(head: RequestHead, kind: StreamKind): Upgrade {
  const known = kind === "portforward" ? new Map([[PORT_FORWARD, 1]]) : COMMAND_VERSIONS;
  const offered = listOf(head, STREAM_VERSION.toLowerCase());
  const chosen = offered.find((name) => known.has(name));
  if (chosen === undefined && offered.length > 0) {
    const accepted = [...known.keys()].map((name) =>
      [`X-Accepted-Stream-Protocol-Versions`, name] as const
    );
    return refused(403, `None of the protocols ${offered.join(", ")} is known`, accepted);
  }
  const headers: [string, string][] = [["Connection", "Upgrade"], ["Upgrade", SPDY]];
  if (chosen !== undefined) headers.push([STREAM_VERSION, chosen]);
  // The oldest clients name no protocol and speak the first one.
  const version = known.get(chosen ?? "") ?? 1;
  return { ok: true, spoken: { kind: "spdy", version }, answer: answer(101, headers) };
}

function toWebSocket(head: RequestHead, kind: StreamKind): Upgrade {
  const [key = ""] = head.headers.get("sec-websocket-key") ?? [];
  const [version = ""] = head.headers.get("sec-websocket-version") ?? [];
  if (head.method !== "GET" || key.length !== 24 || version !== "13") {
    return refused(400, "Not a handshake of WebSocket 13", [["Sec-WebSocket-Version", "13"]]);
  }
  const known = kind === "portforward" ? FORWARD_CHANNELS : COMMAND_CHANNELS;
  const offered = listOf(head, "sec-websocket-protocol");
  const chosen = offered.find((name) => known.has(name));
  if (chosen === undefined && offered.length > 0) {
    return refused(403, `None of the protocols ${offered.join(", ")} is known`);
  }
  const headers: [string, string][] = [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Accept", acceptKey(key)],
  ];
  if (chosen !== undefined) headers.push(["Sec-WebSocket-Protocol", chosen]);
  const spoken = known.get(chosen ?? "") ?? binary(kind === "portforward" ? 4 : 1);
  return { ok: true, spoken, answer: answer(101, headers) };
}

function refused(
  status: number,
  text: string,
  headers: readonly (readonly [string, string])[] = [],
): Upgrade {
  return { ok: false, answer: answer(status, headers, `${text}\n`) };
}
