/** Token values as canvas layers use them, read once per change of theme. */
export interface Palette {
  readonly panel: string;
  readonly raised: string;
  readonly selected: string;
  readonly float: string;
  readonly void: string;
  readonly line1: string;
  readonly line2: string;
  readonly line3: string;
  readonly ink1: string;
  readonly ink2: string;
  readonly ink3: string;
  readonly onFill: string;
  readonly up: string;
  readonly down: string;
  readonly proof: string;
  readonly proofFill: string;
  readonly proofHeld: string;
  readonly caution: string;
  readonly fault: string;
  readonly unreal: string;
  readonly font: string;
  readonly axisY: number;
  readonly body: number;
  readonly gapMin: number;
  readonly hatch: number;
  readonly mark: number;
}

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const text = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    panel: text('panel'),
    raised: text('raised'),
    selected: text('selected'),
    float: text('float'),
    void: text('void'),
    line1: text('line-1'),
    line2: text('line-2'),
    line3: text('line-3'),
    ink1: text('ink-1'),
    ink2: text('ink-2'),
    ink3: text('ink-3'),
    onFill: text('on-fill'),
    up: text('up'),
    down: text('down'),
    proof: text('proof'),
    proofFill: text('proof-fill'),
    proofHeld: text('proof-held'),
    caution: text('caution'),
    fault: text('fault'),
    unreal: text('unreal'),
    font: text('font'),
    axisY: Number.parseFloat(text('axis-y')) || 74,
    body: Number.parseFloat(text('k-body')) || 0.62,
    gapMin: Number.parseFloat(text('k-gap-min')) || 2,
    hatch: Number.parseFloat(text('k-hatch')) || 6,
    mark: Number.parseFloat(text('k-mark')) || 3.5,
  };
}

/** A token colour (always `#rrggbb`) made see-through. */
export function faded(colour: string, alpha: number): string {
  const value = Number.parseInt(colour.slice(1, 7), 16);
  return `rgba(${value >> 16},${(value >> 8) & 255},${value & 255},${alpha})`;
}

/** Lines at 45° (`rising`, something is missing) or 135° (`falling`, not the market) inside a rectangle. */
export function hatch(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: string,
  step: number,
  angle: 'rising' | 'falling',
  lineWidth: number,
): void {
  if (width <= 0 || height <= 0) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  context.strokeStyle = colour;
  context.lineWidth = lineWidth;
  const start = Math.floor((x - height) / step) * step;
  for (let at = start; at < x + width + height; at += step) {
    context.moveTo(at, angle === 'rising' ? y + height : y);
    context.lineTo(at + height, angle === 'rising' ? y : y + height);
  }
  context.stroke();
  context.restore();
}
