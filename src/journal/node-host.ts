import fs from 'node:fs';
import { createAnnouncer, createListener } from './announce.ts';
import type { JournalHost } from './host.ts';
import { takeWriterLock } from './writer-lock.ts';

export const nodeJournalHost: JournalHost = {
  lock(folder, owner) {
    const ownerPath = `${folder}/owner.json`;
    const lock = takeWriterLock(folder, () => describeOwner(ownerPath));
    // For whoever is refused; the lock itself is the kernel's.
    fs.writeFileSync(ownerPath, `${JSON.stringify({ ...owner, pid: process.pid, since: new Date().toISOString() })}\n`);
    return lock;
  },
  announce: createAnnouncer,
  listen: createListener,
};

function describeOwner(path: string): string {
  try {
    const owner = JSON.parse(fs.readFileSync(path, 'utf8')) as { writer: string; pid: number; since: string };
    return `${owner.writer}, process ${owner.pid}, since ${owner.since}`;
  } catch {
    return 'unknown owner';
  }
}
