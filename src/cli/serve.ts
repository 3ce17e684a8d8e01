/** `cri-containerd serve`: the daemon. */
import { parseFailPoint } from "../base/fail_point.ts";
import { logger } from "../base/log.ts";
import { configureLogging } from "../base/logging.ts";
import { formatProblem } from "../config/check.ts";
import { type ConfigSources, DEFAULT_CONFIG_PATH, loadConfig } from "../config/load.ts";
import { runSupervisor } from "../supervisor/supervisor.ts";
import type { ServeFlags } from "./serve_flags.ts";

const log = logger("cli");

/**
 * Runs the daemon until it is told to stop.
 *
 * @throws CriError when the configuration is wrong or the daemon can't start
 */
export async function serve(flags: ServeFlags): Promise<number> {
  const { config, files, warnings } = loadConfig(configSources(flags));
  const { level, format } = config.log;
  configureLogging({ level, format, compartment: "supervisor" });
  for (const warning of warnings) {
    log.warn("Configuration: {warning}", { warning: formatProblem(warning) });
  }
  await runSupervisor({
    config,
    ...(flags.failPoint === undefined ? {} : { failPoint: parseFailPoint(flags.failPoint) }),
    configPath: files.join(", ") || `defaults (no ${DEFAULT_CONFIG_PATH})`,
  });
  return 0;
}

function configSources(flags: ServeFlags): ConfigSources {
  const { config: path, logLevel, logFormat, failPoint: _forTests, ...folders } = flags;
  const log = {
    ...(logLevel === undefined ? {} : { level: logLevel }),
    ...(logFormat === undefined ? {} : { format: logFormat }),
  };
  return {
    ...(path === undefined ? {} : { path }),
    overrides: { ...folders, log },
  };
}
