export interface Attachment {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Letter {
  /** The same for the same letter, so that mail systems which look at it drop a second copy. Without angle brackets. */
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly Attachment[];
}

/** Mail to the configured addresses. */
export interface Mail {
  /** Who gets it. */
  readonly to: readonly string[];
  /**
   * Resolves when the server has taken the letter over for every address. Fails with `mail-failed`: `later` where sending
   * the same again can help, `never` where it cannot. No error and no log line holds the password.
   */
  send(letter: Letter, signal?: AbortSignal): Promise<void>;
}
