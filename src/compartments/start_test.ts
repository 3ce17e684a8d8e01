import assert from "node:assert/strict";
import { CriError } from "../base/errors.ts";
import { callChannel, serveChannel } from "./channel.ts";
import { Peer } from "./peer.ts";
import {
  type CompartmentMessage,
  type Main,
  runCompartment,
  type SupervisorMessage,
} from "./start.ts";

/** A Worker's global scope in which the test plays the supervisor. */
class Scope {
  readonly sent: CompartmentMessage[] = [];
  #listener: ((event: MessageEvent<unknown>) => void) | undefined;
  #waiting: { kind: string; resolve: (message: CompartmentMessage) => void }[] = [];

  postMessage(message: CompartmentMessage): void {
    this.sent.push(message);
    for (const waiting of this.#waiting) {
      if (waiting.kind === message.kind) waiting.resolve(message);
    }
  }

  addEventListener(_type: "message", listener: (event: MessageEvent<unknown>) => void): void {
    this.#listener = listener;
  }

  send(message: SupervisorMessage<string>): void {
    this.#listener?.(new MessageEvent("message", { data: message }));
  }

  received(kind: CompartmentMessage["kind"]): Promise<CompartmentMessage> {
    const { promise, resolve } = Promise.withResolvers<CompartmentMessage>();
    this.#waiting.push({ kind, resolve });
    return promise;
  }
}

/** What the compartment did to its thread's logging. */
const logged: unknown[] = [];

function run(scope: Scope, main: Main<string>): void {
  logged.length = 0;
  runCompartment({
    name: "io",
    main,
    scope,
    configureLogging: (log) => logged.push(log),
    setLogLevel: (level) => logged.push(level),
  });
}

const start = (ports: Partial<Record<"server" | "io", MessagePort>> = {}) =>
  ({
    kind: "start",
    config: "the config",
    features: new Map<string, never>(),
    ports,
    log: { level: "info", format: "text" },
  }) as const;

Deno.test("runCompartment() says ready when its main has returned", async () => {
  const scope = new Scope();
  const seen: string[] = [];
  run(scope, (start) => {
    seen.push(start.config);
    return Promise.resolve();
  });
  const ready = scope.received("ready");
  scope.send(start());
  await ready;
  assert.deepEqual(seen, ["the config"]);
  assert.deepEqual(logged, [{ level: "info", format: "text" }]);
});

Deno.test("runCompartment() tells the supervisor why its main failed", async () => {
  const scope = new Scope();
  run(scope, () => Promise.reject(new CriError("unavailable", "taken")));
  const failed = scope.received("failed");
  scope.send(start());
  const message = await failed;
  assert(message.kind === "failed");
  assert.equal(message.error.kind, "unavailable");
  assert.equal(message.error.message, "taken");
});

Deno.test("runCompartment() connects its peers, and again when one is replaced", async () => {
  const scope = new Scope();
  const echo = { echo: (text: string) => Promise.resolve(text) };
  run(scope, ({ peers }) => {
    serveChannel(peers.server, echo);
    return Promise.resolve();
  });
  const first = new MessageChannel();
  const server = new Peer("io", first.port1);
  const remote = callChannel<typeof echo>(server, "io");
  scope.send(start({ server: first.port2 }));
  assert.equal(await remote.echo("one"), "one");
  const second = new MessageChannel();
  server.replace(second.port1);
  scope.send({ kind: "peer", name: "server", port: second.port2, drain: false });
  assert.equal(await remote.echo("two"), "two");
  server.close();
  second.port2.close();
});

Deno.test("runCompartment() answers ping, passes the log level, stops what runs", async () => {
  const scope = new Scope();
  const seen: string[] = [];
  run(scope, ({ stopping }) => {
    stopping.addEventListener("abort", () => seen.push("stopping"));
    return Promise.resolve({
      stop: () => void seen.push("stop"),
    });
  });
  const ready = scope.received("ready");
  scope.send(start());
  await ready;
  scope.send({ kind: "ping", id: 7 });
  scope.send({ kind: "logLevel", level: "debug" });
  const stopped = scope.received("stopped");
  scope.send({ kind: "stop" });
  await stopped;
  assert.deepEqual(seen, ["stopping", "stop"]);
  assert.equal(logged.at(-1), "debug");
  assert(scope.sent.some((message) => message.kind === "pong" && message.id === 7));
});
