import assert from "node:assert/strict";
import { CriError } from "./errors.ts";
import { logger } from "./log.ts";
import type { LogFormat } from "./log_format.ts";
import { configureLogging, setLogLevel } from "./logging.ts";

const log = logger("pods");

function collect(format: LogFormat, work: () => void, level = "info"): string[] {
  const lines: string[] = [];
  configureLogging({ level, format, compartment: "server", write: (line) => lines.push(line) });
  try {
    work();
  } finally {
    configureLogging({ level: "error", format: "text", write: () => {} });
  }
  return lines;
}

const ready = () => log.info("Pod {pod} is ready", { pod: "shop/web-0", sandboxId: "a1b2" });

Deno.test("configureLogging() writes text with the fields that the message doesn't tell", () => {
  const [line = ""] = collect("text", ready);
  assert.match(line, /^\d{4}-\S+Z INFO {2}Pod shop\/web-0 is ready sandboxId=a1b2\n$/);
});

Deno.test("configureLogging() writes JSON with all fields", () => {
  const [line = ""] = collect("json", ready);
  const { time, ...rest }: Record<string, unknown> = JSON.parse(line);
  assert.equal(typeof time, "string");
  assert.deepEqual(rest, {
    level: "info",
    message: "Pod shop/web-0 is ready",
    logger: "pods",
    compartment: "server",
    pod: "shop/web-0",
    sandboxId: "a1b2",
  });
});

Deno.test("configureLogging() writes logfmt, for journald with the priority", () => {
  const tail = 'level=info message="Pod shop/web-0 is ready" logger=pods compartment=server ' +
    "pod=shop/web-0 sandboxId=a1b2\n";
  const [line = ""] = collect("logfmt", ready);
  assert.equal(line.replace(/^time=\S+ /, ""), tail);
  assert.deepEqual(collect("journal", ready), [`<6>${tail}`]);
});

Deno.test("configureLogging() keeps secrets out, and one record on one line", () => {
  const [line = "", ...more] = collect("text", () => {
    log.warn("Pulling {image} with {password}", {
      image: "a\nb\x1b[31m",
      password: "hunter2",
      auth: { username: "u", password: "hunter2" },
    });
  });
  assert.deepEqual(more, []);
  assert.ok(!line.includes("hunter2"));
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.ok(!line.includes("\x1b"));
});

Deno.test("configureLogging() tells the stack of what we didn't foresee alone", () => {
  const lines = collect("logfmt", () => {
    log.error("Failed: {error}", { error: new TypeError("x is undefined") });
    log.error("Failed: {error}", { error: new CriError("notFound", "No pod") });
  });
  assert.deepEqual(lines.map((line) => line.includes("errorStack=")), [true, false]);
});

Deno.test("configureLogging() doesn't let a field take the place of time, level or message", () => {
  const [line = ""] = collect("json", () => log.info("Hello", { level: "x", message: "y" }));
  const record: Record<string, unknown> = JSON.parse(line);
  assert.deepEqual([record.level, record.level_, record.message_], ["info", "x", "y"]);
});

Deno.test("setLogLevel() changes the level while the thread runs", () => {
  const lines = collect("logfmt", () => {
    log.debug("one");
    setLogLevel("debug");
    log.debug("two");
    setLogLevel("warn");
    log.info("three");
  });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.includes("message=two"));
});

Deno.test("setLogLevel() refuses a word that is no level", () => {
  assert.throws(() => collect("text", () => setLogLevel("loud")), CriError);
});
