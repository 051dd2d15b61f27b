import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMarkdown } from '../check/markdown.ts';
import { ROOT } from '../check/repository.ts';

/** One `ts` block of a README, written to a file of its own. */
export interface ReadmeBlock {
  /** `packages/isa/README.md:12`: the line of its first line of code. */
  readonly place: string;
  /** Absolute path of the extracted module. */
  readonly file: string;
}

/** READMEs whose examples are run: the root's and those of packages and apps. Relative to the root. */
export function readmePaths(): string[] {
  const folders = ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`),
  );
  return ['README.md', ...folders.map((folder) => `${folder}/README.md`)].filter((path) =>
    existsSync(join(ROOT, path)),
  );
}

/** Writes every `ts` block into `folder`, emptied before, and lists them. */
export function extractBlocks(folder: string): ReadmeBlock[] {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return readmePaths().flatMap((path) =>
    parseMarkdown(readFileSync(join(ROOT, path), 'utf8'))
      .blocks.filter((block) => block.language === 'ts')
      .map((block) => {
        const file = join(folder, `${path.replace('/README.md', '').replace(/\W/g, '-')}-line-${block.line}.ts`);
        // Without an import or export the block would be a script and could not use top-level await.
        writeFileSync(file, `${block.text}\nexport {};\n`);
        return { place: `${path}:${block.line}`, file };
      }),
  );
}
