/** What is under way is held by a lease; a crash leaves nothing but one that expires. */
import { newId } from "../base/id.ts";
import { unlessGone } from "../base/gone.ts";
import { logger } from "../base/log.ts";
import type { Leases } from "../containerd/leases.ts";

const log = logger("images");

/** Longer than any pull takes; containerd's own client says the same. */
const EXPIRES_MS = 24 * 60 * 60_000;
const DELETE_TIMEOUT_MS = 30_000;

/** Begins the names of our leases. */
export const LEASE_PREFIX = "cri-containerd-";

/**
 * Does work under a lease of its own and gives it back, whatever happens: what the work hasn't
 * made reachable by then is garbage.
 */
export async function withLease<T>(
  leases: Pick<Leases, "create" | "delete">,
  signal: AbortSignal,
  work: (leaseId: string) => Promise<T>,
): Promise<T> {
  const id = `${LEASE_PREFIX}${newId().slice(0, 16)}`;
  const release = async () => {
    try {
      await unlessGone(leases.delete(id, { signal: AbortSignal.timeout(DELETE_TIMEOUT_MS) }));
    } catch (error) {
      log.warn("Lease {id} stays until it expires: {error}", { id, error });
    }
  };
  try {
    await leases.create({ id, labels: new Map(), expiresInMs: EXPIRES_MS }, { signal });
    return await work(id);
  } finally {
    await release();
  }
}
