/** How programs are loaded: types, attach types, flags, licences, what they return; opcodes and fields. */
import { ATTACH_TYPES, PROGRAM_TYPES } from '../../../packages/kernel/src/type-names.ts';
import type { TextCase } from '../case-runner.ts';
import { MAPS } from './case-maps.ts';
import { collector } from './collector.ts';

/** Types that this needs no policy, driver or attach target for. */
const TYPES = PROGRAM_TYPES.filter((type) => !['tracing', 'lsm', 'struct_ops', 'ext', 'lirc_mode2'].includes(type));

export function loading(): TextCase[] {
  const { list, add } = collector();
  const results = [
    'r0 = 0',
    'r0 = 1',
    'r0 = 2',
    'r0 = 4',
    'r0 = -1',
    'call bpf_get_prandom_u32',
    'r0 = r10',
    'goto +0',
  ];
  for (const type of TYPES) {
    for (const result of results) add(`${type} returns ${result}`, type, `${result}\nexit`);
    for (const attachType of ATTACH_TYPES) {
      for (const result of ['r0 = 0', 'r0 = 3']) add(`${type} for ${attachType} returns ${result}`, type, `${result}\nexit`, { attachType }); // prettier-ignore
    }
    for (const flags of [1, 2, 3, 4, 8, 16, 24, 32, 64, 128, 255, 256, 1024, 0x1000, 0x80000000]) {
      add(`${type} with flags ${flags}`, type, 'r0 = 0\nexit', { flags });
    }
    for (const license of ['', 'GPL', 'Proprietary', 'Dual BSD/GPL', 'BSD']) {
      for (const helper of ['bpf_get_prandom_u32', 'bpf_trace_printk']) {
        const args = helper === 'bpf_trace_printk' ? '*(u64 *)(r10 - 8) = 37\nr1 = r10\nr1 += -8\nr2 = 8\n' : '';
        add(`${type} under ${license} calls ${helper}`, type, `${args}call ${helper}\nr0 = 0\nexit`, { license });
      }
    }
  }
  return list;
}

const FIELDS = ['0,0,0,0', '1,2,0,0', '0,0,1,0', '0,0,0,1', '3,0,0,32', '3,0,0,64', '3,3,1,0', '10,0,0,0', '0,10,0,0', '11,0,0,0', '10,1,-8,0', '10,1,-8,0xf1', '10,1,-8,0x100', '1,10,-8,0x110', '3,3,32,0', '0,0,-1,0', '0,1,0,1']; // prettier-ignore
const JUMPS = ['goto +1', 'goto -1', 'goto +100', 'gotol -2', 'gotol +1', 'may_goto +1', 'may_goto -2', 'if r0 == 0 goto -2', 'if w0 == 5 goto +9', 'call local +1', 'call local -2', 'call local +10', 'exit', 'r1 = func +1 ll', 'r1 = func -1 ll', 'callx r0', 'call 0', 'call 1000', '.insn 0x85,0,3,0,1', '.insn 0x85,1,0,0,7', '.insn 0x95,0,1,0,0', '.insn 0x05,0,0,0,1', '.insn 0x06,0,0,1,0', '.insn 0xe5,0,1,0,0', '.insn 0x85,0,2,0,0', '.insn 0x85,0,2,1,5', '.insn 0x85,0,2,-1,0']; // prettier-ignore
const ENDS = [
  'r0 = 0\nexit',
  'exit',
  'r0 = 0\nexit\nr0 = 1\nexit',
  'goto +0',
  '',
  'r0 = 0',
  'goto -2',
  'r0 = 5 ll\nexit',
];

export function encodings(): TextCase[] {
  const { list, add } = collector();
  for (let opcode = 0; opcode < 256; opcode++) {
    for (const fields of FIELDS) {
      add(`opcode 0x${opcode.toString(16)} ${fields}`, 'socket_filter', `r6 = r1\nr0 = 1\nr3 = 1\nr2 = 0\n*(u64 *)(r10 - 8) = 1\n.insn ${opcode}, ${fields}\nr0 = 0\nexit`); // prettier-ignore
    }
  }
  for (let src = 0; src < 16; src++) {
    // Indexes into an array of descriptors need one.
    if (src === 3 || src === 5 || src === 6) continue;
    for (const second of ['0, 0, 0, 0, 0', '0, 1, 0, 0, 0', '0, 0, 0, 1, 0', '0, 0, 0, 0, 1', '0xb7, 0, 0, 0, 0']) {
      for (const field of ['0, 0', '1, 0', '0, 1', '0, -1', '0, 60000']) {
        for (const maps of [[], [MAPS.array48, MAPS.hash48]]) {
          add(`ld_imm64 ${src} ${field} ${second}`, 'socket_filter', `.insn 0x18, 1, ${src}, ${field}\n.insn ${second}\nr0 = 0\nexit`, { maps }); // prettier-ignore
        }
      }
    }
  }
  for (const jump of JUMPS) {
    for (const end of ENDS) {
      for (const before of ['r0 = 0', 'call bpf_get_prandom_u32']) add(`${before}; ${jump}; ${end}`, 'socket_filter', `${before}\n${jump}\n${end}`); // prettier-ignore
    }
  }
  return list;
}
