// What can be wrong with a document of this repository: it names a file, a folder, a script or an anchor that is not
// there, or a package README lacks one of the parts that every package README has.
import { posix } from 'node:path';
import { headingAnchor, parseMarkdown, type MarkdownItem } from './markdown.ts';

/** What the checks compare documents with. */
export interface Repository {
  /** Every file of the repository, relative to its root, with forward slashes. */
  readonly files: ReadonlySet<string>;
  /** Scripts of the root package.json. */
  readonly scripts: ReadonlySet<string>;
  /** The text of a file in {@link files}. */
  readonly read: (path: string) => string;
}

const TOP_FOLDERS = ['.ci', 'packages', 'apps', 'tools', 'docs', 'test-vectors', 'examples'];
/** Made by building or testing, so rightly absent. */
const GENERATED = /(^|\/)(dist|node_modules|\.report|\.turbo|\.nx)(\/|$)/;
/** Folders of the Linux source tree that begin like one of ours. */
const KERNEL_PATH = /^tools\/(lib|testing|bpf|include)\//;
const PATH_SPAN = /^[\w.@<>*{},/+-]+$/;

/** The parts of a package README, in this order. */
const README_PARTS: readonly [name: string, heading: RegExp][] = [
  ['What is this?', /^what is this\b/i],
  ['When should I use it?', /^when should i use\b/i],
  ['Use', /^(use|usage)\b/i],
  ['API', /^api\b/i],
  ['Errors', /^errors?\b/i],
  ['Spec links', /^spec/i],
];

/** Says what is wrong with the document at `path`, one line each: `path:line: problem`. */
export function documentProblems(path: string, repository: Repository): string[] {
  const text = repository.read(path);
  const markdown = parseMarkdown(text);
  const problems: string[] = [];
  const report = (item: MarkdownItem, problem: string): void => {
    problems.push(`${path}:${item.line}: ${problem}`);
  };

  for (const link of markdown.links) {
    const problem = linkProblem(path, link.text, repository);
    if (problem !== undefined) report(link, problem);
  }
  for (const span of markdown.codeSpans) {
    const wanted = pathInSpan(path, span.text);
    if (wanted !== undefined && !pathExists(wanted, repository)) report(span, `there is no ${wanted}`);
  }
  const commands = [
    ...markdown.codeSpans,
    ...markdown.blocks.filter((block) => ['', 'sh', 'bash', 'shell', 'console'].includes(block.language)),
  ];
  for (const item of commands) {
    for (const script of scriptsIn(item.text)) {
      if (!repository.scripts.has(script)) report(item, `the root package.json has no script "${script}"`);
    }
  }
  if (/^packages\/[^/]+\/README\.md$/.test(path)) {
    problems.push(
      ...readmePartProblems(
        path,
        markdown.headings,
        markdown.blocks.some((block) => block.language === 'ts'),
      ),
    );
  }
  return problems;
}

function linkProblem(document: string, target: string, repository: Repository): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [file = '', anchor] = target.split('#', 2);
  const wanted = file === '' ? document : posix.normalize(posix.join(posix.dirname(document), decodeURI(file)));
  if (wanted.startsWith('../')) return undefined;
  if (!pathExists(wanted, repository)) return `the link leads to ${wanted}, which does not exist`;
  if (anchor === undefined || !wanted.endsWith('.md')) return undefined;
  const anchors = parseMarkdown(repository.read(wanted)).headings.map((heading) => headingAnchor(heading.text));
  return anchors.includes(anchor) ? undefined : `${wanted} has no heading for #${anchor}`;
}

/** The repository path that a code span names, or undefined when it names none. `<name>` and `*` match anything. */
export function pathInSpan(document: string, span: string): string | undefined {
  if (!span.includes('/') || !PATH_SPAN.test(span) || span.includes('...') || GENERATED.test(span)) return undefined;
  if (KERNEL_PATH.test(span)) return undefined;
  const path = span.replace(/\/$/, '');
  const folder = posix.dirname(document);
  if (TOP_FOLDERS.includes(path.split('/', 1)[0] ?? '')) return path;
  // `./file.ts` alone stands for any file of a folder; with a folder it names one.
  const relative = /^\.\.?\/.+\//.test(path) || path.startsWith('../');
  const ownSource = /^(src|test|bin)\//.test(path) && /^(packages|apps|tools)\/[^/]+$/.test(folder);
  if (!relative && !ownSource) return undefined;
  const wanted = posix.normalize(posix.join(folder, path));
  return wanted.startsWith('../') ? undefined : wanted;
}

function pathExists(wanted: string, repository: Repository): boolean {
  if (wanted === '.' || repository.files.has(wanted)) return true;
  const pattern = wanted
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/<[^>]*>/g, '*')
    .replace(/\{([^}]*)\}/g, (_, list: string) => `(${list.replaceAll(',', '|')})`)
    .replace(/\*\*\/?/g, '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('\0', '.*');
  const matcher = new RegExp(`^${pattern}(/|$)`);
  for (const file of repository.files) if (matcher.test(file)) return true;
  return false;
}

function scriptsIn(text: string): string[] {
  return [...text.matchAll(/\bnpm run ([\w:-]+)(?!.*(?: -w| --workspace))/g)].map((match) => match[1] ?? '');
}

function readmePartProblems(path: string, headings: readonly MarkdownItem[], hasExample: boolean): string[] {
  const problems: string[] = [];
  let after = 0;
  for (const [name, heading] of README_PARTS) {
    const found = headings.findIndex((item, index) => index >= after && heading.test(item.text));
    if (found === -1) problems.push(`${path}:1: the heading "${name}" is missing or out of order`);
    else after = found + 1;
  }
  if (!hasExample) problems.push(`${path}:1: there is no \`\`\`ts example`);
  return problems;
}
