import tls from 'node:tls';

/** How hosts are reached: an own certificate authority, and names that stand for an address here. */
export interface Reach {
  /** All trusted authorities, when one was added to the built-in ones. */
  readonly certificateAuthorities: readonly (string | Buffer)[] | undefined;
  readonly resolve: Readonly<Record<string, { readonly address: string; readonly port: number }>>;
}

export function createReach(options: {
  certificateAuthority?: Buffer | string | undefined;
  resolve?: Reach['resolve'] | undefined;
}): Reach {
  return {
    certificateAuthorities:
      options.certificateAuthority === undefined ? undefined : [...tls.rootCertificates, options.certificateAuthority],
    resolve: options.resolve ?? {},
  };
}
