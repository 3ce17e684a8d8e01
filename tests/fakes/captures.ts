/** The captures of the io compartment in memory: which are open, and what each would hand out. */
import type { Captured, CaptureService } from "../../src/containers/streams.ts";

export class FakeCaptures implements CaptureService {
  readonly open = new Set<string>();
  output = { stdout: "", stderr: "" };
  isComplete = true;
  /** Throws to make a call fail, before or after its work. */
  before: (call: string) => void = () => {};
  after: (call: string) => void = () => {};

  openCapture({ execId }: { execId: string }): Promise<void> {
    return this.#call("openCapture", () => {
      this.open.add(execId);
    });
  }

  captured(): Promise<Captured> {
    const encoder = new TextEncoder();
    return this.#call("captured", () => ({
      stdout: [encoder.encode(this.output.stdout)],
      stderr: [encoder.encode(this.output.stderr)],
      isComplete: this.isComplete,
      isCut: false,
    }));
  }

  captureEnding(): Promise<void> {
    return this.#call("captureEnding", () => {});
  }

  closeCapture({ execId }: { execId: string }): Promise<void> {
    this.open.delete(execId);
    return Promise.resolve();
  }

  // deno-lint-ignore require-await -- so that its errors reject
  async #call<T>(name: string, work: () => T): Promise<T> {
    this.before(name);
    const result = work();
    this.after(name);
    return result;
  }
}
