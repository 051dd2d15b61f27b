/** Seeded bugs of the loader, which vectors do not see: they are programs already. */
import type { Mutant } from './mutant.ts';

const CODE = 'packages/loader/src/code-section.ts';
const LINK = 'packages/loader/src/link-programs.ts';
const FIXTURES = 'packages/loader/test/load-object.test.ts';
const CRAFTED = 'packages/loader/src/load-object.test.ts';

export const LOADER_MUTANTS: readonly Mutant[] = [
  {
    id: 'loader/call-distance',
    file: LINK,
    find: 'insn.offset, target - at - 1));',
    replace: 'insn.offset, target - at));',
    what: 'calls of linked functions go one slot too far',
    killedBy: { test: FIXTURES, name: 'subprograms are appended to each program' },
  },
  {
    id: 'loader/call-addend',
    file: CODE,
    find: 'return (imm + 1) * INSN_SIZE;',
    replace: 'return imm * INSN_SIZE;',
    what: 'the addend of a call relocation is read as slots from the call',
    killedBy: { test: FIXTURES, name: 'every committed object loads' },
  },
  {
    id: 'loader/relocation-place',
    file: LINK,
    find: 'relocations.push({ ...relocation, insn: at });',
    replace: 'relocations.push(relocation);',
    what: 'references of appended functions keep the slot of their section',
    killedBy: { test: FIXTURES, name: 'references to maps and variables' },
  },
  {
    id: 'loader/data-offset',
    file: CODE,
    find: 'place(BPF_PSEUDO_MAP_IDX_VALUE, target.map, target.offset);',
    replace: 'place(BPF_PSEUDO_MAP_IDX_VALUE, target.map, 0);',
    what: 'every variable is at the start of its section',
    killedBy: { test: FIXTURES, name: 'the offset of a variable' },
  },
  {
    id: 'loader/byte-order-of-code',
    file: CODE,
    find: 'decodeInsns(section.data, link.cx.elf.endian)',
    replace: "decodeInsns(section.data, 'little')",
    what: 'instructions of big-endian objects are read in little-endian order',
    killedBy: { test: FIXTURES, name: 'both byte orders' },
  },
  {
    id: 'loader/callx-register',
    file: CODE,
    find: 'return isOld ? makeInsn(CALLX_OPCODE, insn.imm,',
    replace: 'return isOld ? makeInsn(CALLX_OPCODE, 0,',
    what: 'callx of LLVM before 19 calls through r0',
    killedBy: { test: CRAFTED, name: 'callx of LLVM before 19' },
  },
  {
    id: 'loader/undefined-is-zero',
    file: CODE,
    find: 'else place(0, -1, 0);\n',
    replace: 'else place(0, 0, 0);\n',
    what: 'the address of an undefined symbol is 0 instead of a value that nothing has',
    killedBy: { test: CRAFTED, name: 'what is undefined without BTF' },
  },
];
