/** How grpc-js talks to containerd. */
import type { ChannelOptions } from "@grpc/grpc-js";

const MAX_MESSAGE_BYTES = 1024 * 1024 * 1024;
export const GRPC_OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.initial_reconnect_backoff_ms": 100,
  // A try on a unix socket costs next to nothing, and a restarted containerd is found soon.
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.client_idle_timeout_ms": 2 ** 31 - 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_channelz": 0,
  "grpc.service_config_disable_resolution": 1,
  // Lists and blobs come in large messages: one window holds several of them.
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
};
