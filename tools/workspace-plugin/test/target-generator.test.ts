import { fileURLToPath } from 'node:url';
import { OP_KINDS } from '@polybpf/jit';
import { FsTree } from 'nx/src/generators/tree.js';
import { describe, expect, test, vi } from 'vitest';
import targetGenerator from '../src/target-generator.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs the generator against this repository; what it would write stays in the returned tree. */
async function generate(options: Parameters<typeof targetGenerator>[1]): Promise<FsTree> {
  const tree = new FsTree(ROOT, false);
  await targetGenerator(tree, { install: false, ...options });
  return tree;
}

describe('nx g target', () => {
  test('writes the files that every target has, and registers the package', async () => {
    const tree = await generate({ name: 'probe64', title: 'Probe 64', endian: 'big', elfMachine: 999 });
    expect(
      tree
        .listChanges()
        .map(({ path }) => path)
        .sort(),
    ).toEqual([
      'nx.json',
      'packages/jit-probe64/README.md',
      'packages/jit-probe64/package.json',
      'packages/jit-probe64/src/abi.ts',
      'packages/jit-probe64/src/branches.ts',
      'packages/jit-probe64/src/encoder.ts',
      'packages/jit-probe64/src/index.ts',
      'packages/jit-probe64/src/instructions.ts',
      'packages/jit-probe64/src/lower.ts',
      'packages/jit-probe64/src/registers.ts',
      'packages/jit-probe64/src/target.test.ts',
      'packages/jit-probe64/tsconfig.json',
      'packages/jit-probe64/vitest.config.ts',
      'tsconfig.json',
    ]);
    const index = tree.read('packages/jit-probe64/src/index.ts', 'utf8');
    expect(index).toContain("title: 'Probe 64'");
    expect(index).toContain('elf: { machine: 999, flags: 0 }');
    expect(tree.read('packages/jit-probe64/src/encoder.ts', 'utf8')).toContain("ENDIAN: Endian = 'big'");
    expect(tree.read('tsconfig.json', 'utf8')).toContain('./packages/jit-probe64');
    expect(tree.read('nx.json', 'utf8')).toContain('"jit-probe64"');
  });

  test('has every op of the contract once, all without a lowering', async () => {
    const tree = await generate({ name: 'probe64' });
    const lower = tree.read('packages/jit-probe64/src/lower.ts', 'utf8') ?? '';
    const kinds = [...lower.matchAll(/^ {2}(\w+): missing,$/gm)].map((match) => match[1]);
    expect(kinds).toEqual([...OP_KINDS]);
  });

  test('leaves no template text behind and writes nothing that does not parse', async () => {
    const errors = vi.spyOn(console, 'error').mockReturnValue(undefined);
    const tree = await generate({ name: 'probe64' });
    // nx reports a file that prettier cannot parse, and goes on.
    expect(errors).not.toHaveBeenCalled();
    errors.mockRestore();
    for (const { path, content } of tree.listChanges()) {
      expect(path).not.toContain('template');
      expect(content?.toString('utf8')).not.toMatch(/<%|%>/);
    }
  });

  test.each(['RISCV64', '64bit', 'risc-v', '', '../x', 'class'])('refuses %j as a name', async (name) => {
    await expect(generate({ name })).rejects.toThrow(/name|reserved word/);
  });

  test('refuses to overwrite a target', async () => {
    await expect(generate({ name: 'arm64' })).rejects.toThrow('packages/jit-arm64 exists already');
  });
});
