/** Connects to a gRPC server on a unix socket. */
import { GrpcClient, type GrpcClientOptions } from "./client.ts";

/** Whoever takes the connection and says nothing by then isn't one. */
const GREETING_MS = 10_000;

/** @throws Error when nobody listens, or who does speaks no HTTP/2 */
export async function dial(
  path: string,
  options: Omit<GrpcClientOptions, "onReady">,
): Promise<GrpcClient> {
  const wire = await Deno.connect({ transport: "unix", path });
  const greeted = Promise.withResolvers<void>();
  const client = new GrpcClient(wire, {
    ...options,
    onReady: greeted.resolve,
    onEnd: (reason) => {
      greeted.reject(new Error(reason));
      options.onEnd(reason);
    },
  });
  const silence = setTimeout(() => {
    void client.close(`no word from ${path} within ${GREETING_MS / 1000} s`);
  }, GREETING_MS);
  try {
    await greeted.promise;
  } finally {
    clearTimeout(silence);
  }
  return client;
}
