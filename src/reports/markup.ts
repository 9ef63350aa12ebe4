/** Text that is HTML already. Only `html` makes it, so whatever was not written here is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | bigint | undefined | readonly Content[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML, or SVG, from a template: everything filled in is text, between tags and inside quoted attributes alike. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let text = parts[0]!;
  for (const [at, content] of contents.entries()) text += textOf(content) + parts[at + 1]!;
  return new Markup(text);
}

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(textOf).join('');
  return escaped(String(content));
}

/** Control characters are no characters of HTML, and marks that turn the direction of writing would change what stands around. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (letter) => escapes[letter]!)
    .replace(/(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, '\ufffd');
}
