/** The name of the built-in pause image, under which no registry has anything. */
export const PAUSE_IMAGE_NAME = "cri-containerd.local/pause:built-in";
