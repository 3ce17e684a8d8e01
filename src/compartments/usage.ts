/** What each compartment says of itself to the one that tells the metrics. */

export interface CompartmentUsage {
  /** JavaScript's own memory, of this thread alone. */
  readonly heapUsedBytes: number;
  /** CPU time of this thread; undefined in a compartment that has no way to ask. */
  readonly cpuSeconds: number | undefined;
}

export interface UsageService {
  compartmentUsage(): Promise<CompartmentUsage>;
}

export function usageService(cpuSeconds?: () => number): UsageService {
  return {
    compartmentUsage: () =>
      Promise.resolve({
        heapUsedBytes: Deno.memoryUsage().heapUsed,
        cpuSeconds: cpuSeconds?.(),
      }),
  };
}
