import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of the bench whose lines are answers. */
export class Talker {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;

  constructor(file: URL, args: readonly string[]) {
    this.child = spawn(process.execPath, [fileURLToPath(file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.child.on('exit', () => this.#wake?.());
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** The next line that `isIt` takes; others are dropped. */
  async line(isIt: (line: string) => boolean = () => true): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        if (isIt(line)) return line;
      } else {
        if (this.child.exitCode !== null) throw new Error('a process of the bench ended');
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}
