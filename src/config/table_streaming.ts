/** The keys of `[streaming]`; see {@link import("./table.ts")}. */
import { address, duration, flag, path, section } from "./field.ts";

const HOUR = 3_600_000;

export const STREAMING = section("The server of exec, attach and port-forward.", {
  address: address({
    default: "127.0.0.1:0",
    meaning: "Where it listens; port 0 takes any free one. The kubelet connects to it.",
  }),
  tls_cert: path({
    default: "",
    empty: "no TLS",
    meaning: "A PEM file with the certificate to serve with, and those that vouch for it; " +
      "read at start.",
  }),
  tls_key: path({
    default: "",
    empty: "no TLS",
    meaning: "The PEM file with the certificate's private key.",
  }),
  tls_self_signed: flag({
    default: false,
    meaning: "Without tls_cert: serve with TLS all the same, with a certificate that the daemon " +
      "makes for itself and renews. It lies below state, in streaming/cert.pem, for whoever " +
      "is to trust it.",
  }),
  idle_timeout: duration({
    default: 4 * HOUR,
    min: 0,
    max: 7 * 24 * HOUR,
    meaning: "A session over which nothing at all came or went for so long is ended; a client " +
      'that only asks whether we live counts as one that is there. "0s" waits for ever.',
  }),
});
