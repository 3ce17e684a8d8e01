/** Constants of Linux's calls. Those that differ between x86-64 and arm64 are chosen here. */

const IS_ARM = Deno.build.arch === "aarch64";

export const AT_FDCWD = -100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const O_DIRECTORY = IS_ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = IS_ARM ? 0o100000 : 0o400000;

/** struct epoll_event is packed on x86-64 alone. */
export const EPOLL_EVENT_BYTES = IS_ARM ? 16 : 12;
export const EPOLL_DATA_OFFSET = IS_ARM ? 8 : 4;
