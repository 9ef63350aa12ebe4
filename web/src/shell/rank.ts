/** Best first: what equals the text, then what begins with it, then what holds it, then what holds its letters in order. */
export function rankChoices<T extends { readonly text: string; readonly detail: string }>(
  choices: readonly T[],
  text: string,
): T[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [...choices];
  const score = (choice: T): number => {
    // 1m is a minute and 1M a month: what is written exactly so comes before all.
    if (choice.text === text.trim()) return 0;
    const name = choice.text.toLowerCase();
    if (name === wanted) return 1;
    if (name.startsWith(wanted)) return 2;
    if (name.includes(wanted)) return 3;
    if (`${name} ${choice.detail.toLowerCase()}`.includes(wanted)) return 4;
    let at = 0;
    for (const letter of name) if (letter === wanted[at]) at++;
    return at === wanted.length ? 5 : -1;
  };
  return choices
    .map((choice, index) => ({ choice, index, score: score(choice) }))
    .filter((entry) => entry.score >= 0)
    .sort((a, b) => a.score - b.score || a.index - b.index)
    .map((entry) => entry.choice);
}
