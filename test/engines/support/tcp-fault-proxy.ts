import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of some bytes on their way to the server. */
export type Fate =
  /** They go on. */
  | 'pass'
  /** They never arrive; both ends see the connection reset. */
  | 'cut'
  /** They arrive, and the first bytes of the answer are lost with the connection. */
  | 'lose-answer'
  /** They arrive, and from then on nothing passes either way, and nobody is told. */
  | 'silence'
  /** They vanish, and so does all that follows, and nobody is told. */
  | 'vanish';

export interface TcpFaultProxyOptions {
  readonly targetPort: number;
  /** Asked for each piece of bytes that a client sends. */
  fate?(bytes: Buffer): Fate | Promise<Fate>;
}

/** A relay on 127.0.0.1 that harms connections at chosen moments. */
export class TcpFaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** May be replaced while it runs. */
  fate: (bytes: Buffer) => Fate | Promise<Fate>;
  /** How many connections it harmed. */
  harmed = 0;

  static async start(options: TcpFaultProxyOptions): Promise<TcpFaultProxy> {
    const proxy = new TcpFaultProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor({ targetPort, fate }: TcpFaultProxyOptions) {
    this.fate = fate ?? (() => 'pass');
    this.#server = createServer((client) => this.#relay(client, connect(targetPort, '127.0.0.1')));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection that is open now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(client: Socket, server: Socket): void {
    let isSilent = false;
    let losesAnswer = false;
    const cut = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!isSilent) other.destroy();
      });
    }
    server.on('data', (bytes) => {
      if (losesAnswer) cut();
      else if (!isSilent) client.write(bytes);
    });
    // One piece after the other, also when the fate of one takes its time.
    let last = Promise.resolve();
    client.on('data', (bytes) => {
      last = last.then(async () => {
        if (isSilent) return;
        const fate = await this.fate(bytes);
        if (fate !== 'pass') this.harmed++;
        if (fate === 'cut') return cut();
        if (fate === 'lose-answer') losesAnswer = true;
        if (fate === 'silence' || fate === 'vanish') isSilent = true;
        if (fate !== 'vanish') server.write(bytes);
      });
    });
  }
}
