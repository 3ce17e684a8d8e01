/** The version of this daemon. */
export const VERSION = "0.1.0";
