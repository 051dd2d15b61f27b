import { describe, expect, test } from 'vitest';
import { documentProblems, pathInSpan, type Repository } from '../document-problems.ts';
import { expectedDocument, replacePart } from '../generated-documents.ts';
import { headingAnchor, parseMarkdown } from '../markdown.ts';

const README = [
  '# isa',
  '## What is this?',
  '## When should I use it?',
  '## Use',
  '```ts',
  'f();',
  '```',
  '## API',
  '## Errors',
  '## Spec links',
].join('\n');

function repository(documents: Record<string, string>, ...files: string[]): Repository {
  return {
    files: new Set([...Object.keys(documents), ...files]),
    scripts: new Set(['test', 'check:docs']),
    read: (path) => documents[path] ?? '',
  };
}

function problems(text: string, ...files: string[]): string[] {
  return documentProblems('docs/A.md', repository({ 'docs/A.md': text }, ...files));
}

describe('parseMarkdown', () => {
  test('finds headings, links, code spans and blocks with their lines, and nothing inside of blocks', () => {
    const text =
      '# One `x`\n[a](b.md#c) and `[no](link)`\n\n````md\n# not a heading\n```ts\n```\n````\n```ts\nlet a;\n```\n';
    const markdown = parseMarkdown(text);
    expect(markdown.headings).toEqual([{ text: 'One `x`', line: 1 }]);
    expect(markdown.links).toEqual([{ text: 'b.md#c', line: 2 }]);
    expect(markdown.codeSpans.map((span) => span.text)).toEqual(['x', '[no](link)']);
    expect(markdown.blocks.map((block) => [block.language, block.line, block.text])).toEqual([
      ['md', 5, '# not a heading\n```ts\n```'],
      ['ts', 10, 'let a;'],
    ]);
  });

  test('anchors are made as renderers make them', () => {
    expect(headingAnchor('What is `isa`, and why?')).toBe('what-is-isa-and-why');
  });
});

describe('documentProblems', () => {
  test('accepts paths, links, globs and scripts that exist', () => {
    const text = 'See `packages/isa/src/insn.ts`, `packages/*/src`, [B](B.md#two-words), `npm run check:docs`.';
    const documents = { 'docs/A.md': text, 'docs/B.md': '# Two words' };
    expect(documentProblems('docs/A.md', repository(documents, 'packages/isa/src/insn.ts'))).toEqual([]);
  });

  test('names a path that is gone, with the line', () => {
    expect(problems('one\n`packages/isa/src/gone.ts`', 'packages/isa/src/insn.ts')).toEqual([
      'docs/A.md:2: there is no packages/isa/src/gone.ts',
    ]);
  });

  test('names a dead link, a dead anchor and a missing script', () => {
    expect(problems('[x](../packages/isa/README.md)')).toHaveLength(1);
    expect(problems('# Here\n[x](#there)')).toEqual(['docs/A.md:2: docs/A.md has no heading for #there']);
    expect(problems('```sh\nnpm run nothing\n```')).toEqual([
      'docs/A.md:2: the root package.json has no script "nothing"',
    ]);
  });

  test('leaves alone what is no path of this repository', () => {
    const text =
      '`r1/r2` `and/or` `dist/index.js` `packages/isa/dist/x.js` `@polybpf/isa` `a ../b` `tools/lib/bpf/bpf_helpers.h` [w](https://x.example/y)';
    expect(problems(text)).toEqual([]);
    expect(pathInSpan('packages/isa/README.md', 'src/insn.ts')).toBe('packages/isa/src/insn.ts');
    expect(pathInSpan('README.md', 'src/insn.ts')).toBeUndefined();
  });

  test('a package README has all its parts in order and an example', () => {
    const path = 'packages/isa/README.md';
    expect(documentProblems(path, repository({ [path]: README }))).toEqual([]);
    const withoutErrors = README.replace('## Errors\n', '');
    expect(documentProblems(path, repository({ [path]: withoutErrors }))).toEqual([
      `${path}:1: the heading "Errors" is missing or out of order`,
    ]);
    const withoutExample = README.replace('```ts', '```sh');
    expect(documentProblems(path, repository({ [path]: withoutExample }))).toEqual([
      `${path}:1: there is no \`\`\`ts example`,
    ]);
  });
});

describe('generated parts', () => {
  const part = { path: 'docs/X.md', name: 'n', frame: '# X', render: (toRoot: string) => `new ${toRoot}` };

  test('only what stands between the markers is replaced', () => {
    expect(replacePart('a\n<!-- generated: n -->\nold\n<!-- end generated -->\nb', 'n', 'new')).toBe(
      'a\n<!-- generated: n -->\nnew\n<!-- end generated -->\nb',
    );
    expect(replacePart('no markers', 'n', 'new')).toBeUndefined();
  });

  test('a missing document is made from its frame, and writing twice changes nothing', () => {
    const once = expectedDocument(part, undefined);
    expect(once).toBe('# X\n<!-- generated: n -->\nnew ../\n<!-- end generated -->\n');
    expect(expectedDocument(part, once)).toBe(once);
  });
});
