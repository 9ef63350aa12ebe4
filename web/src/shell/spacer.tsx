/** Stands in a table for rows that are not drawn. */
export function Spacer({ height }: { height: number }) {
  return height <= 0 ? null : <tr className="spacer" style={{ height: `${height}px` }} />;
}
