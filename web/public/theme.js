// Runs before the first paint, so that a light screen never flashes dark.
(() => {
  let theme = 'system';
  let direction = 'safe';
  try {
    const kept = JSON.parse(localStorage.getItem('tidemark.preferences') ?? '{}');
    theme = kept.theme ?? theme;
    direction = kept.direction ?? direction;
  } catch {}
  const light = matchMedia('(prefers-color-scheme: light)').matches;
  document.documentElement.dataset.theme = theme === 'system' ? (light ? 'light' : 'dark') : theme;
  document.documentElement.dataset.direction = direction;
})();
