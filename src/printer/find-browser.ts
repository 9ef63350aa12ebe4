import { existsSync } from 'node:fs';
import path from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
const usualPlaces: Readonly<Record<string, readonly string[]>> = {
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ],
  win32: [
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
  ],
};

/** An installed browser of the Chromium family: on PATH, or where the system usually has one. */
export function findBrowser(searchPath: string): string | undefined {
  const extension = process.platform === 'win32' ? '.exe' : '';
  for (const folder of searchPath.split(path.delimiter)) {
    if (folder === '') continue;
    for (const name of names) {
      const file = path.join(folder, name + extension);
      if (existsSync(file)) return file;
    }
  }
  return (usualPlaces[process.platform] ?? []).find((file) => existsSync(file));
}
