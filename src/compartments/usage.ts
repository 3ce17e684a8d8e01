/** What each compartment says of itself to the one that tells the metrics. */

export interface CompartmentUsage {
  /** JavaScript's own memory, of this thread alone. */
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
}

export interface UsageService {
  compartmentUsage(): Promise<CompartmentUsage>;
}

export const usageService: UsageService = {
  compartmentUsage: () => {
    const { heapUsed, heapTotal } = Deno.memoryUsage();
    return Promise.resolve({ heapUsedBytes: heapUsed, heapTotalBytes: heapTotal });
  },
};
