/** What each compartment says of itself to the one that tells the metrics. */
import { threadCpuUsage } from "node:process";

const US_PER_S = 1_000_000;

export interface CompartmentUsage {
  /** JavaScript's own memory, of this thread alone. */
  readonly heapUsedBytes: number;
  /** CPU time of this thread. */
  readonly cpuSeconds: number;
}

export interface UsageService {
  compartmentUsage(): Promise<CompartmentUsage>;
}

export function usageService(): UsageService {
  return {
    compartmentUsage: () => {
      const { user, system } = threadCpuUsage();
      const heapUsedBytes = Deno.memoryUsage().heapUsed;
      return Promise.resolve({ heapUsedBytes, cpuSeconds: (user + system) / US_PER_S });
    },
  };
}
