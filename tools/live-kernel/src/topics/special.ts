/** What Linux does not load or the RFC leaves open: calls by register, reserved fields, malformed programs. */
import { checkInsns, encodeProgram, INSN_TABLE, makeInsn, type Insn, type InsnRow } from '@polybpf/isa';
import { type Draft, set, type Topic } from '../draft.ts';

function special(): Draft[] {
  return [
    {
      id: 'callx-helper-id',
      asm: ['r1 = -1', 'r2 = 5', 'callx r2', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'bpf_conformance callx: the register holds a helper id', expect: { r0: '0xffffffffffffffff' } },
    },
    {
      id: 'callx-function-address',
      asm: ['r1 = 20', 'r3 = func f ll', 'callx r3', 'r0 += 2', 'exit', 'f:', 'r0 = r1', 'r0 *= 2', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'LLVM: a call through a register holds a function address', expect: { r0: '0x2a' } },
    },
    { id: 'may-goto-falls-through', asm: ['r0 = 0', 'may_goto +2', 'r0 += 1', 'if r0 < 100 goto -3', 'exit'] },
    { id: 'may-goto-ends-a-loop', asm: ['r0 = 0', 'may_goto +1', 'goto -2', 'r0 = 7', 'exit'] },
    {
      id: 'gotol-forward',
      asm: ['r0 = 1', 'gotol +1', 'r0 = 2', 'exit'],
      spec: { source: 'rfc9669 4.3', expect: { r0: '0x1' } },
    },
    { id: 'gotol-backward', asm: ['r0 = 0', 'r0 += 1', 'if r0 > 5 goto +1', 'gotol -3', 'exit'] },
    {
      id: 'jump-into-first-insn',
      asm: ['r1 += 1', 'if r1 < 5 goto -2', 'r0 = r1', 'exit'],
      mem: '',
      spec: { source: 'rfc9669 4.3: r1 is 0 without memory', expect: { r0: '0x5' } },
    },
    { id: 'length-in-r2', mem: '000102030405060708', asm: ['r0 = r2', 'exit'] },
    { id: 'no-memory', asm: ['r0 = r1', 'r0 |= r2', 'exit'] },
    {
      id: 'fault-null',
      asm: ['r1 = 0', 'r0 = *(u64 *)(r1 + 0)', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'address 0 belongs to nothing', expect: { error: 'E_RUN_MEMORY' } },
    },
    {
      id: 'fault-past-the-end',
      mem: '00'.repeat(8),
      asm: ['r0 = *(u8 *)(r1 + 8)', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'the byte after the memory belongs to nothing', expect: { error: 'E_RUN_MEMORY' } },
    },
    {
      id: 'fault-half-inside',
      mem: '00'.repeat(8),
      asm: ['r0 = *(u32 *)(r1 + 6)', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'an access is inside or not at all', expect: { error: 'E_RUN_MEMORY' } },
    },
    {
      id: 'fault-before-the-start',
      mem: '00'.repeat(8),
      asm: ['r0 = *(u8 *)(r1 - 1)', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'the byte before the memory belongs to nothing', expect: { error: 'E_RUN_MEMORY' } },
    },
    {
      id: 'fault-below-the-stack',
      asm: ['r1 = 1', '*(u64 *)(r10 - 520) = r1', 'r0 = 0', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'a frame has 512 bytes', expect: { error: 'E_RUN_MEMORY' } },
    },
    {
      id: 'fault-unaligned-atomic',
      mem: '00'.repeat(16),
      asm: ['r2 = 1', 'lock *(u64 *)(r1 + 4) += r2', 'r0 = 0', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'Linux: atomics are aligned', expect: { error: 'E_RUN_ALIGN' } },
    },
    {
      id: 'fault-endless-recursion',
      asm: ['call f', 'exit', 'f:', 'call f', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'Linux: calls are at most 8 deep', expect: { error: 'E_RUN_CALL_DEPTH' } },
    },
    ...faults(),
    { id: 'stack-is-zero-or-ours', asm: [set(1, 0x1234n), '*(u64 *)(r10 - 8) = r1', 'r0 = *(u64 *)(r10 - 8)', 'exit'] },
  ];
}

/** Accesses of every width that are outside by one byte, at either end of the memory and of the stack. */
function faults(): Draft[] {
  const drafts: Draft[] = [];
  const refused = (id: string, mem: string, line: string, error = 'E_RUN_MEMORY'): void => {
    drafts.push({
      id,
      mem,
      asm: ['r2 = 1', line, 'r0 = 0', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'an access is inside or not at all', expect: { error } },
    });
  };
  for (const bytes of [1, 2, 4, 8]) {
    const [type, value] = [`u${bytes * 8}`, bytes === 8 ? 'r2' : 'w2'];
    for (const [where, mem, base, at] of [
      ['memory-end', '00'.repeat(16), 'r1', 17 - bytes],
      ['memory-start', '00'.repeat(16), 'r1', -1],
      ['stack-end', '', 'r10', 1 - bytes],
      ['stack-start', '', 'r10', -513],
    ] as const) {
      const place = `*(${type} *)(${base} ${at < 0 ? '-' : '+'} ${Math.abs(at)})`;
      refused(`fault-load${bytes * 8}-${where}`, mem, `r3 = ${place}`);
      refused(`fault-store${bytes * 8}-${where}`, mem, `${place} = ${value}`);
      refused(`fault-store-imm${bytes * 8}-${where}`, mem, `${place} = 1`);
      if (bytes < 8) refused(`fault-load-signed${bytes * 8}-${where}`, mem, `r3 = ${place.replace('u', 's')}`);
    }
  }
  for (const bytes of [4, 8]) {
    const atomic = (at: number): string => `lock *(u${bytes * 8} *)(r1 + ${at}) += ${bytes === 8 ? 'r2' : 'w2'}`;
    refused(`fault-atomic${bytes * 8}-memory-end`, '00'.repeat(16), atomic(16));
    refused(`fault-atomic${bytes * 8}-unaligned`, '00'.repeat(16), atomic(bytes / 2), 'E_RUN_ALIGN');
  }
  const addresses: [string, string[]][] = [
    ['small-integer', ['r1 = 4096']],
    ['all-ones', ['r1 = -1']],
    ['far-beyond', ['r1 += 0x7fffffff', 'r1 += 0x7fffffff']],
    ['another-region', ['r3 = 1', 'r3 <<= 32', 'r1 += r3']],
    ['low-half-only', ['w1 = w1']],
  ];
  for (const [name, lines] of addresses) {
    drafts.push({
      id: `fault-address-${name}`,
      mem: '00'.repeat(16),
      asm: [...lines, 'r0 = *(u8 *)(r1 + 0)', 'exit'],
      flags: ['LinuxRefuses'],
      spec: { source: 'the address belongs to nothing', expect: { error: 'E_RUN_MEMORY' } },
    });
  }
  drafts.push({
    id: 'atomic32-at-multiple-of-4',
    mem: '00'.repeat(16),
    asm: ['r2 = 1', 'r3 = 2', '*(u32 *)(r1 + 4) = w2', 'lock *(u32 *)(r1 + 4) += w3', 'w0 = *(u32 *)(r1 + 4)', '*(u32 *)(r1 + 4) = 0', 'exit'],
  }); // prettier-ignore
  return drafts;
}

const toHex = (insns: readonly Insn[], endian: 'little' | 'big'): string => Buffer.from(encodeProgram(insns, endian)).toString('hex'); // prettier-ignore
const EXIT = makeInsn(0x95, 0, 0, 0, 0);

/** For every row, each reserved field set to something: all must be refused. */
function reserved(): Draft[] {
  const drafts: Draft[] = [];
  for (const row of INSN_TABLE) {
    const base = legal(row);
    const fields: [keyof Insn, number][] = [];
    if (row.dst === 'none') fields.push(['dst_reg', 1]);
    if (row.src === 'none') fields.push(['src_reg', 2]);
    if (row.offsetUse === 'none' || (row.offsetUse === 'fixed' && row.fixed.offset === 0)) fields.push(['offset', 3]);
    if (row.immUse === 'none') fields.push(['imm', 4]);
    if (row.dst !== 'none' && row.dst !== 'fixed') fields.push(['dst_reg', 11]);
    if (row.src !== 'none' && row.src !== 'fixed') fields.push(['src_reg', 15]);
    if (row.dst === 'write' || row.dst === 'readwrite') fields.push(['dst_reg', 10]);
    if (row.src === 'readwrite') fields.push(['src_reg', 10]);
    for (const [field, value] of fields) {
      const first = { ...base, [field]: value };
      const insns = [...(row.slots === 2 ? [first, makeInsn(0, 0, 0, 0, 0)] : [first]), EXIT, EXIT];
      push(drafts, `${row.name}-${field}-${value}`.replaceAll('_', '-'), insns);
    }
    if (row.slots === 2) {
      for (const [field, value] of [
        ['opcode', 0x18],
        ['dst_reg', 1],
        ['src_reg', 1],
        ['offset', 1],
      ] as const) {
        push(drafts, `${row.name}-second-${field}`.replaceAll('_', '-'), [
          base,
          { ...makeInsn(0, 0, 0, 0, 0), [field]: value },
          EXIT,
        ]);
      }
      push(drafts, `${row.name}-truncated`.replaceAll('_', '-'), [base]);
    }
  }
  const pair = [makeInsn(0x18, 0, 0, 0, 1), makeInsn(0, 0, 0, 0, 0)];
  push(drafts, 'jump-into-second-slot', [makeInsn(0x05, 0, 0, 1, 0), ...pair, EXIT]);
  push(drafts, 'jump-to-the-end', [makeInsn(0x05, 0, 0, 1, 0), EXIT]);
  push(drafts, 'jump-before-the-start', [makeInsn(0x05, 0, 0, -2, 0), EXIT]);
  push(drafts, 'conditional-jump-to-the-end', [makeInsn(0x15, 0, 0, 1, 0), EXIT]);
  push(drafts, 'gotol-to-the-end', [makeInsn(0x06, 0, 0, 0, 1), EXIT]);
  push(drafts, 'gotol-into-second-slot', [makeInsn(0x06, 0, 0, 0, 1), ...pair, EXIT]);
  push(drafts, 'call-to-the-end', [makeInsn(0x85, 0, 1, 0, 1), EXIT]);
  push(drafts, 'call-into-second-slot', [makeInsn(0x85, 0, 1, 0, 1), ...pair, EXIT]);
  push(drafts, 'function-address-to-the-end', [makeInsn(0x18, 1, 4, 0, 2), makeInsn(0, 0, 0, 0, 0), EXIT]);
  push(drafts, 'may-goto-to-the-end', [makeInsn(0xe5, 0, 0, 1, 0), EXIT]);
  const rows = new Set(INSN_TABLE.map((row) => row.opcode));
  for (let opcode = 0; opcode < 256; opcode++)
    if (!rows.has(opcode))
      push(drafts, `opcode-${opcode.toString(16).padStart(2, '0')}`, [makeInsn(opcode, 0, 0, 0, 0), EXIT]);
  return drafts;
}

function legal(row: InsnRow): Insn {
  const { dst_reg, src_reg, offset, imm } = row.fixed;
  return makeInsn(row.opcode, dst_reg ?? 0, src_reg ?? 0, offset ?? 0, imm ?? 0);
}

/** Adds a program that must be refused; the code follows from the RFC's rule for the field. */
function push(drafts: Draft[], id: string, insns: readonly Insn[]): void {
  const problem = checkInsns(insns)[0];
  // A field that turns the row into another legal one is no negative.
  if (problem === undefined) return;
  drafts.push({
    id,
    bytes: { little: toHex(insns, 'little'), big: toHex(insns, 'big') },
    flags: ['LinuxRefuses'],
    spec: {
      source: 'rfc9669 3: reserved fields are zero, unknown opcodes are errors',
      expect: { error: problem.code },
    },
  });
}

const NOTES = { LinuxRefuses: 'the Linux verifier does not load it' };

/** Topics whose truth is mostly the specification. */
export const SPECIAL_TOPICS: readonly Topic[] = [
  {
    file: 'control-special',
    topic: 'calls by register, may_goto, faults',
    spec: ['rfc9669 4.3', 'BPF_JCOND'],
    notes: NOTES,
    drafts: special(),
  },
  {
    file: 'reserved-fields',
    topic: 'reserved fields, registers out of range, unknown opcodes',
    spec: ['rfc9669 3'],
    notes: NOTES,
    drafts: reserved(),
  },
];
