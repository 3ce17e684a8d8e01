/** What the other side asks of us (RFC 9113, section 6.5.2). */
import {
  INITIAL_WINDOW,
  MAX_FRAME_BYTES,
  protocolError,
  SETTING,
  settingsIn,
  widened,
} from "./frames.ts";

/** Larger frames than this wouldn't make anything faster. */
const MAX_OUR_FRAME_BYTES = 64 * 1024;
const MAX_FRAME_SETTING = 2 ** 24 - 1;

export class PeerSettings {
  /** The room that each stream begins with. */
  initialWindow = INITIAL_WINDOW;
  maxFrameBytes = MAX_FRAME_BYTES;
  /** Streams that we may have open. */
  maxStreams = Infinity;

  /**
   * @param payload of SETTINGS
   * @returns by how much the windows of all streams change
   * @throws Http2Error for values that nothing may have
   */
  apply(payload: Uint8Array): number {
    const before = this.initialWindow;
    for (const [id, value] of settingsIn(payload)) this.#set(id, value);
    return this.initialWindow - before;
  }

  #set(id: number, value: number): void {
    if (id === SETTING.initialWindowSize) {
      this.initialWindow = widened(0, value);
    } else if (id === SETTING.maxFrameSize) {
      if (value < MAX_FRAME_BYTES || value > MAX_FRAME_SETTING) {
        throw protocolError(`a frame size of ${value}`);
      }
      this.maxFrameBytes = Math.min(value, MAX_OUR_FRAME_BYTES);
    } else if (id === SETTING.maxConcurrentStreams) {
      this.maxStreams = value;
    }
  }
}
