import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';

/**
 * Signs the request with the hash of its body, which is known already; the store refuses bytes that do not have it. Without
 * it the client would hash the body once more.
 */
export function signedWith<Command extends PutObjectCommand | UploadPartCommand>(
  hash: string,
  command: Command,
): Command {
  (command as PutObjectCommand).middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = hash;
      return next(args);
    },
    { step: 'build', name: 'signedWithHash' },
  );
  return command;
}
