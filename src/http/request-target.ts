/** The parts of a request's URL, cut without normalising them: what was sent is what is matched. */
export interface RequestTarget {
  /** Host name in lower case, without a port. */
  host: string;
  /** The path as it was sent, percent-encoded. */
  path: string;
  /** The query without its `?`; empty when there is none. */
  query: string;
}

/**
 * Cuts an absolute `http(s)` URL. The platform has parsed it already; doing that once more for every request, with
 * `new URL`, costs more than the rest of finding an endpoint.
 */
export function requestTarget(url: string): RequestTarget {
  const authority = url.indexOf("//") + 2;
  let path = url.length;
  for (let index = authority; index < url.length; index += 1) {
    const code = url.charCodeAt(index);
    if (code === SLASH || code === QUESTION || code === HASH) {
      path = index;
      break;
    }
  }
  const hash = url.indexOf("#", path);
  const end = hash < 0 ? url.length : hash;
  const question = url.indexOf("?", path);
  const pathEnd = question < 0 || question > end ? end : question;
  return {
    host: hostOf(url.slice(authority, path)),
    path: url.slice(path, pathEnd),
    query: pathEnd === end ? "" : url.slice(pathEnd + 1, end),
  };
}

const SLASH = 47;
const QUESTION = 63;
const HASH = 35;

function hostOf(authority: string): string {
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  // An IPv6 address stands in brackets and has colons of its own.
  const colon = host.indexOf(":", host.startsWith("[") ? host.indexOf("]") : 0);
  return (colon < 0 ? host : host.slice(0, colon)).toLowerCase();
}
