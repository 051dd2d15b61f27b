// The little of Markdown that the document checks need: headings, links, code spans and fenced blocks, with line
// numbers.

/** A heading, a link or a code span, and where it stands. */
export interface MarkdownItem {
  readonly text: string;
  /** 1-based. */
  readonly line: number;
}

/** A fenced block: its language, its content without the fences, and the line of its first content line (1-based). */
export interface FencedBlock extends MarkdownItem {
  readonly language: string;
}

export interface Markdown {
  readonly headings: readonly MarkdownItem[];
  /** Targets of inline links and images. */
  readonly links: readonly MarkdownItem[];
  /** Contents of inline code outside of fenced blocks. */
  readonly codeSpans: readonly MarkdownItem[];
  readonly blocks: readonly FencedBlock[];
}

const FENCE = /^\s*(`{3,}|~{3,})\s*([\w+-]*)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*\s*$/;
const LINK = /!?\[(?:[^\][]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const CODE_SPAN = /(`+)(?!`)(.+?)(?<!`)\1(?!`)/g;

/** Reads one Markdown document. */
export function parseMarkdown(text: string): Markdown {
  const headings: MarkdownItem[] = [];
  const links: MarkdownItem[] = [];
  const codeSpans: MarkdownItem[] = [];
  const blocks: FencedBlock[] = [];
  let fence: { marker: string; language: string; line: number; content: string[] } | undefined;

  for (const [index, source] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const opening = FENCE.exec(source);
    if (fence !== undefined) {
      if (opening?.[1]?.startsWith(fence.marker) === true && opening[2] === '') {
        blocks.push({ language: fence.language, line: fence.line, text: fence.content.join('\n') });
        fence = undefined;
      } else fence.content.push(source);
      continue;
    }
    if (opening !== null) {
      fence = { marker: opening[1] ?? '', language: opening[2] ?? '', line: line + 1, content: [] };
      continue;
    }
    const heading = HEADING.exec(source);
    if (heading !== null) headings.push({ text: heading[2] ?? '', line });
    for (const match of source.matchAll(CODE_SPAN)) codeSpans.push({ text: (match[2] ?? '').trim(), line });
    const prose = source.replace(CODE_SPAN, (span) => ' '.repeat(span.length));
    for (const match of linksIn(source, prose)) links.push({ text: match, line });
  }
  return { headings, links, codeSpans, blocks };
}

/** Link targets; a link inside a code span is an example and no link, one around a code span is. */
function linksIn(source: string, prose: string): string[] {
  return [...source.matchAll(LINK)]
    .filter((match) => {
      const bracket = source.indexOf('](', match.index);
      return prose.slice(bracket, bracket + 2) === '](';
    })
    .map((match) => match[1] ?? '');
}

/** The anchor that the usual renderers give a heading: lower case, punctuation dropped, blanks to hyphens. */
export function headingAnchor(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}
