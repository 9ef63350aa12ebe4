import type { DataKind } from '../../../src/protocol/api.ts';
import type { ViewFacts } from '../state/view-facts.ts';
import { shareText } from '../text/number-text.ts';
import { dateTimeText, isoText } from '../text/time-text.ts';
import { hatch, readPalette } from './palette.ts';

export interface PictureFacts {
  readonly title: string;
  readonly facts: ViewFacts;
  readonly dataKind: DataKind;
  readonly madeAtUs: number;
  readonly version: string;
}

/** Saves the chart with a footer that says what it is a picture of; SIMULATED goes with it. */
export function savePicture(chart: HTMLCanvasElement, about: PictureFacts): void {
  const palette = readPalette();
  const ratio = window.devicePixelRatio || 1;
  const footer = Math.round(30 * ratio);
  const canvas = document.createElement('canvas');
  canvas.width = chart.width;
  canvas.height = chart.height + footer;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.fillStyle = palette.raised;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, 0);
  const unreal = about.dataKind === 'simulated' || about.dataKind === 'replay';
  if (unreal)
    hatch(context, 0, chart.height, canvas.width, 4 * ratio, palette.unreal, 10 * ratio, 'falling', 5 * ratio);
  const { facts } = about;
  const held =
    facts.expectedIds === null ? 'held not known' : `held ${shareText(facts.heldIds ?? 0, facts.expectedIds)}`;
  const words = [
    about.title,
    facts.fromUs === undefined || facts.toUs === undefined
      ? ''
      : `${dateTimeText(facts.fromUs)} – ${dateTimeText(facts.toUs)} UTC`,
    held,
    about.dataKind.toUpperCase(),
    `made ${isoText(Math.floor(about.madeAtUs / 1e6) * 1e6)}`,
    `Tidemark ${about.version}`,
  ].filter((word) => word !== '');
  context.font = `500 ${11 * ratio}px ${palette.font}`;
  context.textBaseline = 'middle';
  context.fillStyle = unreal ? palette.unreal : palette.ink2;
  context.fillText(words.join('   ·   '), 12 * ratio, chart.height + footer / 2 + 2 * ratio);
  canvas.toBlob((blob) => {
    if (blob === null) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `tidemark ${about.title.replaceAll(':', '-')}${unreal ? ` ${about.dataKind.toUpperCase()}` : ''}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
