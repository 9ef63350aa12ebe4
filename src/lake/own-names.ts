/** Names that the lake gives. What has another name in its store was put there by others: it is told and never removed. */
export const dataFileName = /^lake\/[^/]+\/[^/]+\/\d{4}-\d\d-\d\d\/(?:minute|hour|day)\/([0-9a-f]{40})\.parquet$/;
export const checkpointName = /^checkpoints\/([0-9a-f]{40})\.zst$/;
export const icebergName =
  /^iceberg\/[^/]+\/metadata\/(?:v\d+\.metadata\.json|version-hint\.text|snap-\d+\.avro|\d+-m\d+\.avro)$/;

export function isOwnName(name: string): boolean {
  return dataFileName.test(name) || checkpointName.test(name) || icebergName.test(name);
}
