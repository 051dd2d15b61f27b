/** The snippets of the golden file, with values around the limits of this CPU's immediates and masks. */
import { snippets } from '@polybpf-tools/target-tests/snippets';

export const SNIPPETS = snippets({
  add: ['1', '-1', '32767', '32768', '-32769', '0x50000', '0x12345678', '0x7fff8000', '-0x80000000'],
  and: [
    '0xff',
    '0xffff',
    '0x7fffffff',
    '0xff00',
    '-16',
    '5',
    '-0xff01',
    '0x12345678',
    '-0x12345678',
    '-0x10001',
    '0x10001',
    '0x50000',
    '0x70000',
  ],
  or: ['5', '0x50000', '0x12345678', '-5', '-1', '-0x10000'],
  constants: ['0xffffffff', '0xf2345678', '0xff00000000', '0x1234567812345678'],
  loads: [
    ['load at a displacement that is no multiple of four', 'r0 = *(u64 *)(r1 + 6)'],
    ['load, sign extended by shifts', 'r0 = *(u32 *)(r1 + 4)\nr0 <<= 32\nr0 s>>= 32'],
  ],
  stack: [
    ['stack below the stack pointer', '*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 288)'],
    ['stack in a frame', '*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 296)'],
  ],
  compare: ['r2', '0', '1', '5', '-5', '40000', '65535', '0x10000', '0x12345678', '-0x12345678'],
  compare32: ['w2', '0', '5', '-5', '40000', '0x10000', '0x12345678', '-0x12345678'],
  calls: [['return in the middle', 'r0 = 0\nif r1 == 5 goto +1\nexit\nr0 = r2']],
});
