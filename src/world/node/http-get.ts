import http from 'node:http';
import https from 'node:https';
import { TidemarkError } from '../../domain/error.ts';
import type { HttpResponse, Network } from '../../ports/world.ts';
import type { Reach } from './reach.ts';

/** Redirects are answers like others: a venue that moves is to be noticed, not followed. */
export function createHttpGet(reach: Reach): Network['httpGet'] {
  const plain = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const secure = new https.Agent({
    keepAlive: true,
    maxSockets: 16,
    ...(reach.certificateAuthorities === undefined ? {} : { ca: [...reach.certificateAuthorities] }),
  });
  return async (url, options) => {
    const fail = (why: string, cause?: unknown): TidemarkError =>
      new TidemarkError('network', { doing: 'get', what: url, why, retry: 'later', cause });
    let target: URL;
    try {
      target = new URL(url);
    } catch (cause) {
      throw new TidemarkError('network', { doing: 'get', what: url, why: 'this is not a URL', cause });
    }
    const isSecure = target.protocol === 'https:';
    const moved = reach.resolve[target.hostname];
    return new Promise<HttpResponse>((resolve, reject) => {
      const request = (isSecure ? https : http).request(
        target,
        {
          method: 'GET',
          agent: isSecure ? secure : plain,
          headers: { accept: '*/*', host: target.host, ...options.headers },
          ...(moved === undefined
            ? {}
            : { hostname: moved.address, port: moved.port, ...(isSecure ? { servername: target.hostname } : {}) }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > options.maxBodyBytes) {
              request.destroy();
              end(() => reject(fail(`the answer is longer than ${options.maxBodyBytes} bytes`)));
              return;
            }
            chunks.push(chunk);
          });
          response.on('end', () => {
            if (!response.complete) return end(() => reject(fail('the answer was cut off')));
            end(() =>
              resolve({
                status: response.statusCode ?? 0,
                headers: flatHeaders(response.headers),
                body: Buffer.concat(chunks),
              }),
            );
          });
          response.on('error', (cause) => end(() => reject(fail(cause.message, cause))));
        },
      );
      const timer = setTimeout(() => {
        request.destroy();
        end(() => reject(fail(`no whole answer within ${options.timeoutMs} ms`)));
      }, options.timeoutMs);
      let isSettled = false;
      const end = (settle: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        clearTimeout(timer);
        settle();
      };
      request.on('error', (cause) => end(() => reject(fail(cause.message, cause))));
      request.end();
    });
  };
}

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
