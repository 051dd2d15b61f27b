/** Programs that an object puts into a struct of functions. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseBtf } from '@polybpf/btf';
import { loadObject } from '@polybpf/loader';
import { verify } from '@polybpf/verifier';
import { describe, expect, it } from 'vitest';
import { verifyInputs } from '../src/verify/object-input.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const clang = ['clang-19', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);

const SOURCE = `
#define SEC(name) __attribute__((section(name), used))
struct bpf_dummy_ops_state { int val; };
struct bpf_dummy_ops { int (*test_1)(struct bpf_dummy_ops_state *); int (*test_sleepable)(struct bpf_dummy_ops_state *); };
SEC("struct_ops/test_1") int tested(unsigned long long *ctx) { int *val = (int *)ctx[0]; return val ? *val : 0; }
SEC("struct_ops.s") int sleeps(unsigned long long *ctx) { return *(int *)ctx[0]; }
SEC("struct_ops") int unused(void *ctx) { return 0; }
SEC(".struct_ops") struct bpf_dummy_ops ops = { .test_1 = (void *)tested, .test_sleepable = (void *)sleeps };
char _license[] SEC("license") = "GPL";
`;

describe.runIf(clang !== undefined && existsSync(VMLINUX))('struct_ops programs of an object', () => {
  it('are verified as the members that its variables name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'polybpf-'));
    try {
      writeFileSync(join(folder, 'ops.c'), SOURCE);
      const built = spawnSync(clang!, ['-target', 'bpf', '-g', '-O2', '-c', 'ops.c', '-o', 'ops.o'], { cwd: folder, encoding: 'utf8' }); // prettier-ignore
      expect(built.stderr).not.toContain('error');
      const bytes = new Uint8Array(readFileSync(join(folder, 'ops.o')));
      const kernelBtf = new Uint8Array(readFileSync(VMLINUX));
      const object = loadObject(bytes, { illegal: 'keep', targetBtf: parseBtf(kernelBtf) });
      const inputs = verifyInputs({ kind: 'object', programs: object.programs, object, bytes, fixedOrder: true }, undefined); // prettier-ignore
      const told = inputs.map((input) => {
        const { verdict, errno } = verify(input, { kernelBtf });
        return [input.name, input.attachBtfName, input.attachType, verdict, errno];
      });
      expect(told).toStrictEqual([
        ['tested', 'bpf_dummy_ops', 'member test_1', 'accept', 0],
        ['sleeps', 'bpf_dummy_ops', 'member test_sleepable', 'accept', 0],
        ['unused', undefined, undefined, 'reject', 524],
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
