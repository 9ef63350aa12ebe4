/** What a journal needs of the machine beside files: the lock against a second writer, and word of new length. */
export interface JournalHost {
  /** Throws `journal-locked` while another writer holds the folder. */
  lock(folder: string, owner: { writer: string; version: string }): JournalLock;
  announce(folder: string): Announcer;
  listen(folder: string, heard: (news: JournalNews) => void): Listener;
}

export interface JournalLock {
  /** False once the lock file was deleted or replaced: another process may be writing now. */
  isHeld(): boolean;
  release(): void;
}

/** Where the writer is. */
export interface JournalNews {
  readonly segment: number;
  readonly writtenOffset: number;
  readonly writtenSequence: number;
  readonly syncedOffset: number;
  readonly syncedSequence: number;
}

export interface Announcer {
  announce(news: JournalNews): void;
  close(): void;
}

export interface Listener {
  /** A writer is at the other end. */
  readonly isConnected: boolean;
  close(): void;
}
