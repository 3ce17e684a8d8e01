/** The dictionary from which SPDY/3's headers are compressed: words that requests are made of. */

/** Each is preceded by its length. */
const NAMES = [
  "options head post put delete trace accept accept-charset accept-encoding accept-language",
  "accept-ranges age allow authorization cache-control connection content-base content-encoding",
  "content-language content-length content-location content-md5 content-range content-type date",
  "etag expect expires from host if-match if-modified-since if-none-match if-range",
  "if-unmodified-since last-modified location max-forwards pragma proxy-authenticate",
  "proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade",
  "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url",
  "public set-cookie keep-alive origin",
].join(" ").split(" ").map((word) => word.replace("_", " "));

/** The rest has no lengths. */
const REST = [
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505",
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request",
  "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented",
  "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
  " 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,",
  "image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public",
  "privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
].join("");

/** Its Adler-32, by which zlib names it. */
export const DICTIONARY_ID = 0xe3c6a7c2;

export const DICTIONARY: Uint8Array<ArrayBuffer> = dictionary();

function dictionary(): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const size = NAMES.reduce((sum, name) => sum + 4 + name.length, REST.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const name of NAMES) {
    view.setUint32(at, name.length);
    bytes.set(encoder.encode(name), at + 4);
    at += 4 + name.length;
  }
  bytes.set(encoder.encode(REST), at);
  return bytes;
}
