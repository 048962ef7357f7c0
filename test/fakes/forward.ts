import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { KubeConnection } from '../../runtime/kube/connection.ts';

/** Hands each request on to a real API server, with that connection's credentials in place of the client's. */
export function forwardTo(upstream: KubeConnection): RequestListener & AsyncDisposable {
  const agent = new Agent({ keepAlive: true });
  const forward = async (request: IncomingMessage, response: ServerResponse) => {
    const { ca, clientCert: cert, clientKey: key, token } = await upstream.credentials({ renew: false });
    const { host: _, authorization: __, ...headers } = request.headers;
    const auth = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = httpsRequest(new URL(request.url ?? '/', upstream.server), {
      method: request.method,
      headers: { ...headers, ...auth },
      agent,
      ca,
      cert,
      key,
    });
    response.once('close', () => sent.destroy()); // a watch ends behind us when it ends before us
    sent.on('error', () => request.socket.destroy()); // killed: the client sees what we saw
    sent.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => request.socket.destroy());
      answer.on('data', (chunk: Buffer) => response.write(chunk));
      answer.on('end', () => response.end());
    });
    request.pipe(sent);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    forward(request, response).catch(() => request.socket.destroy());
  };
  return Object.assign(listener, {
    [Symbol.asyncDispose]: async () => agent.destroy(),
  });
}
