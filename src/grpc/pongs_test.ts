import assert from "node:assert/strict";
import { eventually } from "../../tests/world/delay.ts";
import { ERROR_CODE, FLAG, FRAME, type Frame } from "./frames.ts";
import { Pongs } from "./pongs.ts";

const ping = (value: number) => new Uint8Array(8).fill(value);
const pingFrame = (payload: Uint8Array): Frame => ({
  type: FRAME.ping,
  flags: FLAG.none,
  streamId: 0,
  payload,
});
const values = (sent: readonly Frame[]) => sent.map(({ payload }) => payload[0]);

Deno.test("Pongs answer a PING a little later, with what it had then", async () => {
  const sent: Frame[] = [];
  const pongs = new Pongs((frame) => sent.push(frame), () => true);
  const payload = ping(1);
  pongs.onPing(pingFrame(payload));
  payload.fill(9);
  assert.deepEqual(sent, []);
  await eventually("the answer", () => sent.length > 0);
  assert.deepEqual(sent, [{ type: FRAME.ping, flags: FLAG.ack, streamId: 0, payload: ping(1) }]);
});

Deno.test("Pongs answer at once when a second PING comes, in their order", () => {
  const sent: Frame[] = [];
  const pongs = new Pongs((frame) => sent.push(frame), () => true);
  pongs.onPing(pingFrame(ping(1)));
  pongs.onPing(pingFrame(ping(2)));
  assert.deepEqual(values(sent), [1, 2]);
  pongs.onPing(pingFrame(ping(3)));
  assert.deepEqual(values(sent), [1, 2]);
  pongs.stop();
});

Deno.test("Pongs answer at once when there are no calls", () => {
  const sent: Frame[] = [];
  new Pongs((frame) => sent.push(frame), () => false).onPing(pingFrame(ping(1)));
  assert.deepEqual(values(sent), [1]);
});

Deno.test("Pongs refuse a PING of another size or of a stream, and an answer like that", () => {
  const pongs = new Pongs(() => assert.fail("nothing is to be sent"), () => false);
  for (const flags of [FLAG.none, FLAG.ack]) {
    const short = { ...pingFrame(new Uint8Array(7)), flags };
    assert.throws(() => pongs.onPing(short), { code: ERROR_CODE.frameSizeError });
    const ofStream = { ...pingFrame(ping(1)), flags, streamId: 1 };
    assert.throws(() => pongs.onPing(ofStream), { code: ERROR_CODE.protocolError });
  }
  pongs.onPing({ ...pingFrame(ping(1)), flags: FLAG.ack });
});
