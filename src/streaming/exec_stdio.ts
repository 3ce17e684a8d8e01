/** The FIFOs of an exec, in a folder of their own below its container's. */
import { invalidArgument } from "../base/errors.ts";
import { removePath } from "../base/gone.ts";
import { type ExecStdioOptions, execStdioPaths } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import { execDir } from "../state/folders.ts";
import type { StdioPaths } from "../logs/service.ts";
import { makeFifos } from "../logs/stdio.ts";

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

export interface ExecStdio {
  readonly paths: StdioPaths;
  /** Removes the FIFOs. */
  remove(): Promise<void>;
}

/** Makes the FIFOs; on failure nothing is left. */
export async function makeExecStdio(
  io: LinuxIo,
  fifoDir: string,
  options: ExecStdioOptions,
): Promise<ExecStdio> {
  const { containerId, execId } = options;
  checkId("containerId", containerId);
  checkId("execId", execId);
  const dir = execDir(fifoDir, containerId, execId);
  const paths = execStdioPaths(fifoDir, options);
  try {
    makeFifos(io, dir, paths);
  } catch (error) {
    await removePath(dir);
    throw error;
  }
  return { paths, remove: () => removePath(dir) };
}

function checkId(field: string, id: string): void {
  if (!ID.test(id)) throw invalidArgument(field, "it has a form that no id has");
}
