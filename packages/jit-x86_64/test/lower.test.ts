/**
 * Golden code: `lower.txt` has blocks of BPF (lines with `;`) and the bytes and text of what it compiles to. With
 * `UPDATE_GOLDEN` set the native lines are written anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { compile, LABEL } from '@polybpf/jit';
import { describe, expect, test } from 'vitest';
import { x86_64 } from '../src/index.ts';

const FILE = new URL('lower.txt', import.meta.url);

interface Block {
  readonly name: string;
  readonly source: readonly string[];
  readonly native: readonly string[];
}

function readBlocks(text: string): Block[] {
  return text
    .split(/^# /m)
    .slice(1)
    .map((block) => {
      const [name, ...lines] = block.trimEnd().split('\n');
      const source = lines.filter((line) => line.startsWith(';')).map((line) => line.slice(2));
      return {
        name: name!,
        source,
        native: lines.filter((line) => line.startsWith(' ')).map((line) => line.trimEnd()),
      };
    });
}

function compileBlock({ source }: Block): string[] {
  const { nodes, nodeOffsets, labelOffsets, code } = compile(assemble(source.join('\n')), x86_64);
  return nodes.flatMap((node, i) => {
    if (node.form === LABEL || node.form.syntax === '') return [];
    const hex = Buffer.from(code.subarray(nodeOffsets[i], nodeOffsets[i + 1])).toString('hex');
    const text = x86_64.print(node, node.label < 0 ? 0 : labelOffsets[node.label]!);
    return [`   ${nodeOffsets[i]!.toString(16).padStart(4, '0')}  ${hex.padEnd(22)} ${text}`];
  });
}

describe('golden code', () => {
  const head = readFileSync(FILE, 'utf8').split(/^# /m)[0]!;
  let blocks = readBlocks(readFileSync(FILE, 'utf8'));
  if (process.env['UPDATE_GOLDEN'] !== undefined) {
    blocks = blocks.map((block) => ({ ...block, native: compileBlock(block) }));
    const text = blocks.map(
      ({ name, source, native }) =>
        `# ${name}\n${source.map((line) => `; ${line}`).join('\n')}\n${native.join('\n')}\n`,
    );
    writeFileSync(FILE, head + text.join('\n'));
  }

  test('the file has its blocks', () => {
    expect(blocks.length).toBeGreaterThan(60);
    expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
  });

  test.each(blocks)('$name', (block) => {
    expect(compileBlock(block).join('\n')).toBe(block.native.join('\n'));
  });
});
