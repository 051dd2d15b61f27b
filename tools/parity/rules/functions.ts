/** Functions of the program: arguments of global ones by BTF, callbacks, func_info that does not fit. */
import type { TextCase } from '../case-runner.ts';
import { MAPS } from './case-maps.ts';
import { collector } from './collector.ts';
import { functionTypes } from './function-types.ts';

const CONTEXTS: Readonly<Record<string, string>> = { sched_cls: '__sk_buff', xdp: 'xdp_md', kprobe: 'pt_regs', perf_event: 'bpf_perf_event_data', raw_tracepoint: 'bpf_raw_tracepoint_args', tracepoint: 'other' }; // prettier-ignore

const ARGUMENTS: readonly string[] = [
  ...['', 'int', 'long', 'ctx', 'int*', 'void*', 'pair*', 'pair', 'forward*', 'enum', 'array*', 'const int*', 'float', 'typedef', 'long**', 'enum64', 'int,int,int,int,int,int'], // prettier-ignore
  ...['ctx@ctx', 'void*@ctx', 'int*@nonnull', 'pair*@nonnull', 'pair*@nullable', 'pair*@ctx', 'pair*@arena', 'int@nonnull', 'char@ctx', 'pair*@nonnull@arena', 'ctx@nonnull', 'pair*@other'], // prettier-ignore
];
const KERNEL_ARGUMENTS: readonly string[] = ['task*@trusted', 'task*@trusted@nullable', 'task*@untrusted', 'pair*@trusted', 'pair*@untrusted', 'void*@untrusted', 'int*@untrusted', 'task*@trusted@nonnull']; // prettier-ignore

const PASSED: Readonly<Record<string, string>> = {
  null: 'r1 = 0',
  number: 'r1 = 1',
  stack: '*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr1 = r10\nr1 += -16',
  'short stack': '*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -4',
  context: 'r6 = r1',
  'context with offset': 'r1 += 8',
  value: 'r1 = map_value[0][0] ll',
  'end of value': 'r1 = map_value[0][40] ll',
  'value or null': '*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map_fd[0] ll\ncall bpf_map_lookup_elem\nr1 = r0',
  'unknown offset': 'call bpf_get_prandom_u32\nr1 = r10\nr0 &= 7\nr1 -= r0',
  'read-only value': 'r1 = map_value[1][0] ll',
};

const BODIES: readonly string[] = [
  'r0 = 0',
  'r0 = r1',
  'r0 = *(u32 *)(r1 + 0)',
  'if r1 == 0 goto +1\nr0 = *(u32 *)(r1 + 0)\nr0 = 0',
  'if r1 == 0 goto +1\n*(u64 *)(r1 + 8) = 1\nr0 = 0',
  'r0 = r6',
  'r0 = *(u8 *)(r1 + 16)',
  'r0 = r10',
];

/** Global and static functions of all argument types, with all that may be passed. */
function byArguments(args: readonly string[]): TextCase[] {
  const { list, add, every } = collector();
  const types = Object.keys(CONTEXTS);
  for (const linkage of ['g', 's']) {
    for (const argument of args) {
      for (const [passed, before] of Object.entries(PASSED)) {
        for (const [i, body] of BODIES.entries()) {
          if (!every(3)) continue;
          const text = `${before}\ncall local sub\nr0 = 0\nexit\nsub: ${body}\nexit`;
          const type = types[(i + list.length) % types.length]!;
          const signatures = { main: 's int(ctx)', sub: `${linkage} int(${argument})` };
          add(`${linkage} ${type} (${argument}) ${passed}: ${body}`, type, text, { maps: [MAPS.array48, MAPS.readOnly], ...functionTypes(text, signatures, CONTEXTS[type]) }); // prettier-ignore
        }
      }
    }
  }
  return list;
}

export const globalFunctions = (): TextCase[] => byArguments(ARGUMENTS);
/** Those whose types are looked up in the kernel's BTF. */
export const kernelArguments = (): TextCase[] => byArguments(KERNEL_ARGUMENTS);

/** Rows of func_info that do not go with the program, and results of functions. */
export function functionInfo(): TextCase[] {
  const { list, add } = collector();
  const text = 'r1 = 0\ncall local sub\nr0 = 0\nexit\nsub: r0 = 0\nexit';
  const { btf, funcInfo } = functionTypes(text, { main: 's int(ctx)', sub: 's int(int)' });
  const [main, sub] = funcInfo as [readonly [number, number], readonly [number, number]];
  const tables: (readonly (readonly [number, number])[])[] = [
    [], [main], [sub], [main, main], [sub, main], [main, [3, sub[1]]], [main, [4, 1]], [[0, 1], sub], [[0, 0], [4, 0]],
    [[0, 9999], sub], [[1, main[1]], sub], [main, sub, [5, sub[1]]], [main, [4, main[1] - 1]], [main, [100, sub[1]]],
  ]; // prettier-ignore
  for (const table of tables) {
    add(`two functions ${JSON.stringify(table)}`, 'sched_cls', text, { btf, funcInfo: table });
    add(`one function ${JSON.stringify(table)}`, 'sched_cls', 'r0 = 0\nexit', { btf, funcInfo: table });
    add(`no BTF ${JSON.stringify(table)}`, 'sched_cls', 'r0 = 0\nexit', { funcInfo: table });
  }
  // Rows are looked at before calls and jumps are, and functions after them.
  for (const broken of ['call local +100\nexit', 'goto +100\nexit', 'r0 = 0', '.insn 0x60, 0, 0, 0, 1\nexit']) {
    for (const table of tables)
      add(`${broken} ${JSON.stringify(table)}`, 'sched_cls', broken, { btf, funcInfo: table });
  }
  for (const linkage of ['g', 's']) {
    for (const result of ['int', 'void', 'long', 'int*', 'enum', 'pair', 'enum64', 'typedef']) {
      for (const body of ['r0 = 0\nexit', 'exit', 'r0 = r10\nexit', 'call bpf_get_prandom_u32\nexit']) {
        for (const after of ['', 'r0 = *(u8 *)(r0 + 0)\n', 'r0 += 1\n', 'exit\n', 'call local sub\n']) {
          const called = `r1 = 0\ncall local sub\n${after}r0 = 0\nexit\nsub: ${body}`;
          add(`${linkage} ${result} ${body}: ${after}`, 'sched_cls', called, functionTypes(called, { main: 's int(ctx)', sub: `${linkage} ${result}(int)` })); // prettier-ignore
        }
      }
    }
  }
  return list;
}

const CALLBACKS: readonly string[] = ['r0 = 0', 'r0 = 1', 'r0 = 2', 'r0 = r1', 'r0 = r2', 'r0 = *(u64 *)(r2 + 0)\nr0 = 0', '*(u64 *)(r2 - 8) = 3\nr0 = 0', '*(u64 *)(r2 + 0) = r2\nr0 = 0', 'r0 = *(u64 *)(r2 + 0)\nr0 += 1\n*(u64 *)(r2 + 0) = r0\nr0 = 0', 'r0 = r3', 'r1 &= 1\nr0 = r1', 'call bpf_get_prandom_u32', 'r0 = *(u64 *)(r3 + 48)\nr0 = 0', 'r0 = *(u64 *)(r4 - 8)\nr0 = 0', 'r0 = *(u64 *)(r10 - 8)\nr0 = 0', 'call local called\nr0 = 0']; // prettier-ignore
const AFTERWARDS: readonly string[] = ['', 'r1 = *(u64 *)(r10 - 8)\nif r1 > 7 goto end\nr2 = r10\nr2 -= r1\nr0 = *(u8 *)(r2 - 1)\n', 'r1 = *(u64 *)(r10 - 8)\nr2 = map_value[0][0] ll\nr2 += r1\nr0 = *(u8 *)(r2 + 0)\n', 'r2 = r10\nr2 += -16\nr2 += r0\nr0 = *(u8 *)(r2 + 0)\n']; // prettier-ignore

export function callbacks(): TextCase[] {
  const { list, add, every } = collector();
  for (const body of CALLBACKS) {
    for (const [helper, first] of [
      ['bpf_loop', 'r1 = 10'],
      ['bpf_for_each_map_elem', 'r1 = map_fd[0] ll'],
    ] as const) {
      for (const context of ['0', 'r10', 'r10\nr3 += -8', 'r6', 'map_value[0][0] ll']) {
        for (const after of AFTERWARDS) {
          if (!every(2)) continue;
          const text = `*(u64 *)(r10 - 8) = 2\n*(u64 *)(r10 - 16) = 1\nr6 = map_value[0][0] ll\n${first}\nr2 = func called ll\nr3 = ${context}\nr4 = 0\ncall ${helper}\n${after}end: r0 = 0\nexit\ncalled: ${body}\nexit`;
          const flags = every(7) ? { flags: 8 } : {};
          add(`${helper} ${context} ${body}: ${after}`, 'sched_cls', text, { maps: [MAPS.array48], ...flags, ...functionTypes(text, { main: 's int(ctx)', called: 's int(long,void*)' }) }); // prettier-ignore
        }
      }
    }
  }
  return list;
}
