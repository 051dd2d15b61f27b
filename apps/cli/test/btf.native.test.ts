import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTypes, parseBtf, sizeOf } from '@polybpf/btf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli, type Cli } from './run-cli.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const missing = [...(isInstalled('clang-19') ? [] : ['clang-19']), ...(existsSync(VMLINUX) ? [] : [VMLINUX])];
if (missing.length > 0 && process.env['CI']) throw new Error(`missing: ${missing.join(', ')}`);

function isInstalled(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(missing.length > 0)(`types of the running kernel (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await buildCli();
  });
  afterAll(() => cli.close());

  function compiled(order: 'el' | 'eb'): string {
    const [source, object] = [join(cli.folder, 'a.c'), join(cli.folder, `a.${order}.o`)];
    writeFileSync(source, 'struct task_struct { char a[3]; };\n__attribute__((section("socket"))) long size(void *c) { return __builtin_preserve_type_info(*(struct task_struct *)0, 1); }\n'); // prettier-ignore
    execFileSync('clang-19', ['-target', `bpf${order}`, '-g', '-O2', '-c', source, '-o', object]);
    return object;
  }

  it('are what run applies CO-RE with, unless told otherwise', () => {
    const btf = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
    const size = sizeOf(btf, findTypes(btf, 'task_struct', 'STRUCT')[0]!.id);
    const object = compiled('el');
    const r0 = (...args: string[]): number => Number(cli.run(['run', object, ...args]).stdout.trim());
    expect(size).toBeGreaterThan(1000);
    expect([r0(), r0('--btf', 'live'), r0('--btf', 'none'), r0('--btf', object)]).toEqual([size, size, 3, 3]);
    // The kernel has the other byte order.
    expect(cli.run(['run', compiled('eb')]).stdout.trim()).toBe('0x0000000000000003');
    expect(cli.run(['run', compiled('eb'), '--btf', 'live'])).toMatchObject({ status: 2, stderr: expect.stringContaining('byte order') }); // prettier-ignore
    expect(cli.run(['disasm', object]).stdout).toContain('r0 = 0x3');
    expect(cli.run(['disasm', object, '--btf', 'live']).stdout).toContain(`r0 = 0x${size.toString(16)}`);
  });
});
