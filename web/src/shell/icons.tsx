const paths = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM11 11l3.5 3.5',
  moon: 'M13.5 9.6A6 6 0 0 1 6.4 2.5 6 6 0 1 0 13.5 9.6z',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1',
  candles: 'M5 2v2.5M5 11v3M3 4.5h4V11H3zM11.5 2v4M11.5 10v4M9.5 6h4v4h-4z',
  book: 'M2.5 3.5h11M2.5 6.5h8M2.5 9.5h9.5M2.5 12.5h6',
  tape: 'M5.5 3.5h8M5.5 8h8M5.5 12.5h8M2.5 3.5h.01M2.5 8h.01M2.5 12.5h.01',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3V11M8 5v.2',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.7-.8 1.3M8 11.2v.1',
  camera: 'M2 5h3l1-1.5h4L11 5h3v7.5H2zM8 11a2.3 2.3 0 1 0 0-4.6A2.3 2.3 0 0 0 8 11z',
  link: 'M6.5 9.5l3-3M7 4.5 8.5 3a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7',
  close: 'M4 4l8 8M12 4l-8 8',
  sql: 'M2.5 4.5 6 8l-3.5 3.5M8 12h5.5',
  jobs: 'M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5H11v4.5',
  report: 'M4 2h5.5L12 4.5V14H4zM9.5 2v2.5H12M6 7.5h4M6 10h4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  down: 'M8 2.5v8M4.5 7 8 10.5 11.5 7M3 13.5h10',
  check: 'M3 8.5 6.5 12 13 4.5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** A gauge with one line at the water's height. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 16 20" aria-hidden="true" focusable="false">
      <path className="logo-post" d="M3 1v18" />
      <path className="logo-ticks" d="M3 3.5h4M3 16.5h4" />
      <path className="logo-line" d="M3 10h13" />
    </svg>
  );
}
