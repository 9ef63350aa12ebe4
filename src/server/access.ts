/**
 * Who may talk to the server. A web page anywhere can make its visitor's browser call a server on loopback; the names in
 * `Host` and `Origin` are what gives it away.
 */
export interface Access {
  readonly boundHost: string;
  readonly port: number;
  /** Further names under which the server is reached: `name` (any port, http or https) or `name:port`. */
  readonly allowedHosts: readonly string[];
  /** Listens beyond loopback. An address written as digits cannot be rebound by DNS, so such hosts are fine then. */
  readonly remote: boolean;
}

interface HostPort {
  readonly name: string;
  readonly port: number | undefined;
}

const hostShape = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(\d{1,5}))?$/;

function readHost(text: string | undefined): HostPort | undefined {
  const match = text === undefined ? null : hostShape.exec(text.toLowerCase());
  if (match === null) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65_535) return undefined;
  return { name: match[1]!.replace(/^\[|\]$/g, ''), port };
}

const isIpv4 = (name: string) => /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
const isIpv6 = (name: string) => name.includes(':');

export function isLoopbackName(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name === '::1') return true;
  return isIpv4(name) && name.startsWith('127.');
}

export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  return isLoopbackName(address.replace(/^::ffff:/i, ''));
}

function isOwnName(access: Access, name: string): boolean {
  if (isLoopbackName(name) || name === access.boundHost.toLowerCase()) return true;
  return access.remote && (isIpv4(name) || isIpv6(name));
}

function isListed(access: Access, host: HostPort): boolean {
  return access.allowedHosts.some((entry) => {
    const listed = readHost(entry);
    return listed?.name === host.name && (listed.port === undefined || listed.port === host.port);
  });
}

/** True when the `Host` header names this server. */
export function hostAllowed(access: Access, header: string | undefined): boolean {
  const host = readHost(header);
  if (host === undefined) return false;
  return (isOwnName(access, host.name) && (host.port ?? 80) === access.port) || isListed(access, host);
}

/** True when a page of this `Origin` was served by this server, or by a listed one. */
export function originAllowed(access: Access, origin: string): boolean {
  const match = /^(https?):\/\/(.+)$/.exec(origin);
  const host = readHost(match?.[2]);
  if (match === null || host === undefined) return false;
  if (isListed(access, host)) return true;
  // We serve plain http; https in front of it is a proxy, whose name must be listed.
  return match[1] === 'http' && isOwnName(access, host.name) && (host.port ?? 80) === access.port;
}

export interface CallerHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | string[] | undefined;
  readonly [name: string]: string | string[] | undefined;
}

export type Refusal = { readonly status: 421 | 403; readonly code: string; readonly detail: string };

function foreignHost(access: Access, headers: CallerHeaders): Refusal | undefined {
  if (hostAllowed(access, headers.host)) return undefined;
  return {
    status: 421,
    code: 'foreign-host',
    detail: 'the Host header does not name this server; list the name under server.allowedHosts if it should',
  };
}

const foreignOrigin: Refusal = {
  status: 403,
  code: 'foreign-origin',
  detail: 'pages of other sites may not use this server',
};

/** Checks a plain request. Reading by a link is fine; anything a foreign page could do in its visitor's name is not. */
export function refuseRequest(
  access: Access,
  method: string,
  isApi: boolean,
  headers: CallerHeaders,
): Refusal | undefined {
  const host = foreignHost(access, headers);
  if (host !== undefined) return host;
  if (!isApi) return undefined;
  const reads = method === 'GET' || method === 'HEAD';
  const site = headers['sec-fetch-site'];
  const sameSite = site === undefined || site === 'same-origin' || site === 'none';
  const origin = headers.origin;
  const listedOrigin = typeof origin === 'string' && originAllowed(access, origin);
  if (reads) return sameSite || listedOrigin || headers['sec-fetch-mode'] === 'navigate' ? undefined : foreignOrigin;
  if (origin !== undefined && !listedOrigin) return foreignOrigin;
  return sameSite || listedOrigin ? undefined : foreignOrigin;
}

/** Checks a WebSocket upgrade. Without Origin it is no browser; that is let in from this machine only. */
export function refuseUpgrade(
  access: Access,
  headers: CallerHeaders,
  remoteAddress: string | undefined,
): Refusal | undefined {
  const host = foreignHost(access, headers);
  if (host !== undefined) return host;
  const origin = headers.origin;
  if (origin === undefined) {
    const isBrowser = headers['sec-fetch-site'] !== undefined || headers['sec-fetch-mode'] !== undefined;
    return !isBrowser && isLoopbackAddress(remoteAddress) ? undefined : foreignOrigin;
  }
  return typeof origin === 'string' && originAllowed(access, origin) ? undefined : foreignOrigin;
}
