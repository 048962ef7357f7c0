import { CodedError } from '../errors.ts';

/** What one connects with; PEM text. */
export interface KubeCredentials {
  readonly ca?: string;
  readonly token?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** How to reach one API server, whoever says so: a Pod's files, a kubeconfig, a test. */
export interface KubeConnection {
  /** `https://10.0.0.1:6443`, perhaps with a path prefix, without a slash at the end. */
  readonly server: string;
  /** The namespace of the Pod or of the kubeconfig's context. */
  readonly namespace?: string;
  /** Name that the server's certificate is checked against, where it is not the server's host. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** Asked before every request, so an implementation caches; `renew` after a 401: what is cached did not work. */
  credentials(options: { readonly renew: boolean }): Promise<KubeCredentials>;
}

/** There is nothing to connect with: `facts.source` is the file that does not say so. */
export class ConnectionError extends CodedError<'CredentialsUnavailable' | 'KubeconfigInvalid', { source: string }> {}
