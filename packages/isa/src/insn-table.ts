/**
 * The instruction table: the one place that says what an eBPF instruction is.
 *
 * A row is a match (opcode plus fixed fields) and a meaning (kind, op, width, operands). Decode index, encoder checks,
 * legality, assembler, disassembler, interpreter dispatch, JIT selection, docs and fuzz generators derive from it.
 * Several rows may share an opcode; fixed fields then tell them apart (div/sdiv by offset, atomics by imm, calls by
 * src_reg). `insn-table.test.ts` proves that no two rows overlap.
 *
 * Sources: RFC 9669; `include/uapi/linux/bpf.h` of Linux 6.18 for load_acquire, store_release, may_goto and
 * addr_space_cast.
 */
import * as c from './constants.ts';

/** What sort of instruction a row is. Code that acts on instructions switches on this. */
export type InsnKind =
  | 'alu'
  | 'end'
  | 'addr_space_cast'
  | 'jmp'
  | 'ja'
  | 'may_goto'
  | 'call_helper'
  | 'call_local'
  | 'call_kfunc'
  | 'callx'
  | 'exit'
  | 'ld_imm64'
  | 'load_packet'
  | 'load'
  | 'store'
  | 'store_imm'
  | 'atomic'
  | 'load_acquire'
  | 'store_release';

/** Operations of kind `alu`. `neg` has one operand; `mov` and `movsx` ignore the old dst. */
// prettier-ignore
export type AluOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'sdiv' | 'or' | 'and' | 'lsh' | 'rsh' | 'neg' | 'mod' | 'smod' | 'xor' | 'mov' | 'movsx' | 'arsh';
/** Operations of kind `end`: to little endian, to big endian, unconditional swap. */
export type EndOp = 'le' | 'be' | 'bswap';
/** Conditions of kind `jmp`; `jset` is `dst & src != 0`. */
// prettier-ignore
export type JmpOp =
  | 'jeq' | 'jne' | 'jgt' | 'jge' | 'jlt' | 'jle' | 'jset' | 'jsgt' | 'jsge' | 'jslt' | 'jsle';
/** Operations of kind `atomic`. */
// prettier-ignore
export type AtomicOp = 'add' | 'or' | 'and' | 'xor' | 'fetch_add' | 'fetch_or' | 'fetch_and' | 'fetch_xor' | 'xchg' | 'cmpxchg';
/** Address forms of kind `load_packet`. */
export type PacketOp = 'abs' | 'ind';
/** What the 64-bit immediate of kind `ld_imm64` stands for. */
export type Imm64Op = 'imm64' | 'map_fd' | 'map_value' | 'btf_id' | 'func' | 'map_idx' | 'map_idx_value';

/** Conformance groups of RFC 9669 sec. 2.4; `linux` marks what only the kernel defines. */
// prettier-ignore
export type ConformanceGroup = 'base32' | 'base64' | 'atomic32' | 'atomic64' | 'divmul32' | 'divmul64' | 'packet' | 'linux';
/** First LLVM `-mcpu` that has the instruction. */
export type CpuVersion = 'v1' | 'v2' | 'v3' | 'v4';

/**
 * How an instruction uses one field: not at all (must be zero), as a fixed value that belongs to the match, or as an
 * operand.
 */
export type RegisterUse = 'none' | 'fixed' | 'read' | 'write' | 'readwrite';
export type ValueUse = 'none' | 'fixed' | 'imm' | 'jump' | 'offset' | 'subprogram' | 'id';

export interface InsnRow {
  /** Position in {@link INSN_TABLE}; dense, for dispatch tables. */
  readonly id: number;
  /** Unique name, e.g. `add64_imm`, `jeq32_reg`, `ldxw`, `atomic_fetch_add64`. */
  readonly name: string;
  readonly kind: InsnKind;
  /** Operation within the kind: see AluOp, EndOp, JmpOp, AtomicOp, PacketOp, Imm64Op; otherwise the kind itself. */
  readonly op: string;
  readonly opcode: number;
  /** Where the second operand comes from, for alu and jmp. */
  readonly source: 'imm' | 'reg' | 'none';
  /** Operand width in bits: 32 or 64 for alu and jmp, 16/32/64 for end, 8..64 for memory, 64 otherwise. For movsx the width of the result. */
  readonly width: 8 | 16 | 32 | 64;
  /** Width in bits of the value that is sign-extended, for movsx and sign-extending loads; otherwise 0. */
  readonly signedFrom: 0 | 8 | 16 | 32;
  readonly dst: RegisterUse;
  readonly src: RegisterUse;
  readonly offsetUse: ValueUse;
  readonly immUse: ValueUse;
  /** Use of the second slot's imm; `none` also for instructions of one slot. */
  readonly nextImmUse: ValueUse;
  /** Values of the fields whose use is `fixed`. */
  readonly fixed: {
    readonly dst_reg?: number;
    readonly src_reg?: number;
    readonly offset?: number;
    readonly imm?: number;
  };
  /** 1, or 2 for ld_imm64. */
  readonly slots: 1 | 2;
  readonly group: ConformanceGroup;
  readonly since: CpuVersion;
  /** First Linux release whose verifier knows it. */
  readonly linux: string;
  /** Section of RFC 9669, or the kernel's name for what is not in it. */
  readonly spec: string;
}

// prettier-ignore
type RowInit = Partial<Omit<InsnRow, 'id' | 'fixed'>> & Pick<InsnRow, 'name' | 'kind' | 'op' | 'opcode' | 'group' | 'spec'> & { fixed?: InsnRow['fixed'] };

function buildTable(): InsnRow[] {
  const rows: InsnRow[] = [];
  const add = (r: RowInit): void => {
    const fixed = r.fixed ?? {};
    rows.push({
      id: rows.length,
      name: r.name,
      kind: r.kind,
      op: r.op,
      opcode: r.opcode,
      source: r.source ?? 'none',
      width: r.width ?? 64,
      signedFrom: r.signedFrom ?? 0,
      dst: r.dst ?? (fixed.dst_reg === undefined ? 'none' : 'fixed'),
      src: r.src ?? (fixed.src_reg === undefined ? 'none' : 'fixed'),
      offsetUse: r.offsetUse ?? (fixed.offset === undefined ? 'none' : 'fixed'),
      immUse: r.immUse ?? (fixed.imm === undefined ? 'none' : 'fixed'),
      nextImmUse: r.nextImmUse ?? 'none',
      fixed,
      slots: r.slots ?? 1,
      group: r.group,
      since: r.since ?? 'v1',
      linux: r.linux ?? '3.18',
      spec: r.spec,
    });
  };
  addAluRows(add);
  addJumpRows(add);
  addLoadStoreRows(add);
  addAtomicRows(add);
  return rows;
}

type Add = (row: RowInit) => void;

/** RFC 9669 sec. 4.1 and 4.2. */
function addAluRows(add: Add): void {
  // prettier-ignore
  const binary: [AluOp, number, boolean][] = [
    ['add', c.BPF_ADD, false], ['sub', c.BPF_SUB, false], ['mul', c.BPF_MUL, true], ['div', c.BPF_DIV, true],
    ['or', c.BPF_OR, false], ['and', c.BPF_AND, false], ['lsh', c.BPF_LSH, false], ['rsh', c.BPF_RSH, false],
    ['mod', c.BPF_MOD, true], ['xor', c.BPF_XOR, false], ['mov', c.BPF_MOV, false], ['arsh', c.BPF_ARSH, false],
  ];
  for (const width of [64, 32] as const) {
    const cls = width === 64 ? c.BPF_ALU64 : c.BPF_ALU;
    const base: ConformanceGroup = width === 64 ? 'base64' : 'base32';
    const divmul: ConformanceGroup = width === 64 ? 'divmul64' : 'divmul32';
    for (const [op, code, isDivMul] of binary) {
      const dst = op === 'mov' ? 'write' : 'readwrite';
      const common = { kind: 'alu', width, dst, group: isDivMul ? divmul : base, spec: '4.1' } as const;
      // A fixed offset 0 tells div, mod and mov apart from sdiv, smod, movsx and addr_space_cast.
      const offset = op === 'div' || op === 'mod' || op === 'mov' ? { offset: 0 } : {};
      // prettier-ignore
      add({ ...common, name: `${op}${width}_imm`, op, opcode: cls | code | c.BPF_K, source: 'imm', immUse: 'imm', fixed: op === 'mov' ? {} : offset });
      // prettier-ignore
      add({ ...common, name: `${op}${width}_reg`, op, opcode: cls | code | c.BPF_X, source: 'reg', src: 'read', fixed: offset });
    }
    for (const [op, code] of [
      ['sdiv', c.BPF_DIV],
      ['smod', c.BPF_MOD],
    ] as const) {
      // prettier-ignore
      const common = { kind: 'alu', op, width, dst: 'readwrite', group: divmul, since: 'v4', linux: '6.6', spec: '4.1', fixed: { offset: 1 } } as const;
      add({ ...common, name: `${op}${width}_imm`, opcode: cls | code | c.BPF_K, source: 'imm', immUse: 'imm' });
      add({ ...common, name: `${op}${width}_reg`, opcode: cls | code | c.BPF_X, source: 'reg', src: 'read' });
    }
    for (const from of width === 64 ? ([8, 16, 32] as const) : ([8, 16] as const)) {
      // prettier-ignore
      add({ name: `movsx${width}_${from}`, kind: 'alu', op: 'movsx', opcode: cls | c.BPF_MOV | c.BPF_X, width, signedFrom: from, source: 'reg', dst: 'write', src: 'read', fixed: { offset: from }, group: base, since: 'v4', linux: '6.6', spec: '4.1' });
    }
    // prettier-ignore
    add({ name: `neg${width}`, kind: 'alu', op: 'neg', opcode: cls | c.BPF_NEG, width, dst: 'readwrite', group: base, spec: '4.1' });
  }
  for (const width of [16, 32, 64] as const) {
    // prettier-ignore
    const common = { kind: 'end', width, dst: 'readwrite', fixed: { imm: width }, group: width === 64 ? 'base64' : 'base32', spec: '4.2' } as const;
    add({ ...common, name: `le${width}`, op: 'le', opcode: c.BPF_ALU | c.BPF_END | c.BPF_K });
    add({ ...common, name: `be${width}`, op: 'be', opcode: c.BPF_ALU | c.BPF_END | c.BPF_X });
    add({ ...common, name: `bswap${width}`, op: 'bswap', opcode: c.BPF_ALU64 | c.BPF_END, since: 'v4', linux: '6.6' });
  }
  // prettier-ignore
  add({ name: 'addr_space_cast', kind: 'addr_space_cast', op: 'addr_space_cast', opcode: c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, dst: 'write', src: 'read', immUse: 'imm', fixed: { offset: c.BPF_ADDR_SPACE_CAST }, group: 'linux', since: 'v4', linux: '6.9', spec: 'BPF_ADDR_SPACE_CAST' });
}

/** RFC 9669 sec. 4.3. */
function addJumpRows(add: Add): void {
  // prettier-ignore
  const conditions: [JmpOp, number, CpuVersion, string][] = [
    ['jeq', c.BPF_JEQ, 'v1', '3.18'], ['jgt', c.BPF_JGT, 'v1', '3.18'], ['jge', c.BPF_JGE, 'v1', '3.18'], ['jset', c.BPF_JSET, 'v1', '3.18'],
    ['jne', c.BPF_JNE, 'v1', '3.18'], ['jsgt', c.BPF_JSGT, 'v1', '3.18'], ['jsge', c.BPF_JSGE, 'v1', '3.18'],
    ['jlt', c.BPF_JLT, 'v2', '4.14'], ['jle', c.BPF_JLE, 'v2', '4.14'], ['jslt', c.BPF_JSLT, 'v2', '4.14'], ['jsle', c.BPF_JSLE, 'v2', '4.14'],
  ];
  for (const width of [64, 32] as const) {
    const cls = width === 64 ? c.BPF_JMP : c.BPF_JMP32;
    for (const [op, code, since, linux] of conditions) {
      // prettier-ignore
      const common = { kind: 'jmp', op, width, dst: 'read', offsetUse: 'jump', group: width === 64 ? 'base64' : 'base32', since: width === 32 ? 'v3' : since, linux: width === 32 ? '5.1' : linux, spec: '4.3' } as const;
      add({ ...common, name: `${op}${width}_imm`, opcode: cls | code | c.BPF_K, source: 'imm', immUse: 'imm' });
      add({ ...common, name: `${op}${width}_reg`, opcode: cls | code | c.BPF_X, source: 'reg', src: 'read' });
    }
  }
  // prettier-ignore
  add({ name: 'ja', kind: 'ja', op: 'ja', opcode: c.BPF_JMP | c.BPF_JA, offsetUse: 'jump', group: 'base32', spec: '4.3' });
  // prettier-ignore
  add({ name: 'ja32', kind: 'ja', op: 'ja32', opcode: c.BPF_JMP32 | c.BPF_JA, width: 32, immUse: 'jump', group: 'base32', since: 'v4', linux: '6.6', spec: '4.3' });
  // prettier-ignore
  add({ name: 'may_goto', kind: 'may_goto', op: 'may_goto', opcode: c.BPF_JMP | c.BPF_JCOND, offsetUse: 'jump', group: 'linux', since: 'v4', linux: '6.9', spec: 'BPF_JCOND' });
  // prettier-ignore
  add({ name: 'call_helper', kind: 'call_helper', op: 'call_helper', opcode: c.BPF_JMP | c.BPF_CALL, immUse: 'id', fixed: { src_reg: 0 }, group: 'base32', spec: '4.3.1' });
  // prettier-ignore
  add({ name: 'call_local', kind: 'call_local', op: 'call_local', opcode: c.BPF_JMP | c.BPF_CALL, immUse: 'subprogram', fixed: { src_reg: c.BPF_PSEUDO_CALL }, group: 'base32', linux: '4.16', spec: '4.3.2' });
  // prettier-ignore
  add({ name: 'call_kfunc', kind: 'call_kfunc', op: 'call_kfunc', opcode: c.BPF_JMP | c.BPF_CALL, immUse: 'id', offsetUse: 'id', fixed: { src_reg: c.BPF_PSEUDO_KFUNC_CALL }, group: 'base32', linux: '5.13', spec: '4.3.1' });
  // prettier-ignore
  add({ name: 'callx', kind: 'callx', op: 'callx', opcode: c.BPF_JMP | c.BPF_CALL | c.BPF_X, dst: 'read', group: 'linux', since: 'v3', linux: 'never', spec: '4.3.1' });
  // prettier-ignore
  add({ name: 'exit', kind: 'exit', op: 'exit', opcode: c.BPF_JMP | c.BPF_EXIT, group: 'base32', spec: '4.3' });
}

const SIZES = [
  ['b', c.BPF_B, 8],
  ['h', c.BPF_H, 16],
  ['w', c.BPF_W, 32],
  ['dw', c.BPF_DW, 64],
] as const;

/** RFC 9669 sec. 5.1, 5.2, 5.4, 5.5. */
function addLoadStoreRows(add: Add): void {
  for (const [suffix, size, width] of SIZES) {
    const group: ConformanceGroup = width === 64 ? 'base64' : 'base32';
    // prettier-ignore
    add({ name: `ldx${suffix}`, kind: 'load', op: 'load', opcode: c.BPF_LDX | c.BPF_MEM | size, width, dst: 'write', src: 'read', offsetUse: 'offset', group, spec: '5.1' });
    // prettier-ignore
    add({ name: `st${suffix}`, kind: 'store_imm', op: 'store_imm', opcode: c.BPF_ST | c.BPF_MEM | size, width, dst: 'read', offsetUse: 'offset', immUse: 'imm', group, spec: '5.1' });
    // prettier-ignore
    add({ name: `stx${suffix}`, kind: 'store', op: 'store', opcode: c.BPF_STX | c.BPF_MEM | size, width, dst: 'read', src: 'read', offsetUse: 'offset', group, spec: '5.1' });
    if (width !== 64) {
      // prettier-ignore
      add({ name: `ldxs${suffix}`, kind: 'load', op: 'load_signed', opcode: c.BPF_LDX | c.BPF_MEMSX | size, width, signedFrom: width, dst: 'write', src: 'read', offsetUse: 'offset', group: 'base32', since: 'v4', linux: '6.6', spec: '5.2' });
      // prettier-ignore
      add({ name: `ldabs${suffix}`, kind: 'load_packet', op: 'abs', opcode: c.BPF_LD | c.BPF_ABS | size, width, immUse: 'imm', group: 'packet', spec: '5.5' });
      // prettier-ignore
      add({ name: `ldind${suffix}`, kind: 'load_packet', op: 'ind', opcode: c.BPF_LD | c.BPF_IND | size, width, src: 'read', immUse: 'imm', group: 'packet', spec: '5.5' });
    }
  }
  const pseudo: [Imm64Op, ValueUse, ValueUse, string][] = [
    ['imm64', 'imm', 'imm', '3.18'],
    ['map_fd', 'id', 'none', '3.18'],
    ['map_value', 'id', 'offset', '5.2'],
    ['btf_id', 'id', 'id', '5.10'],
    ['func', 'subprogram', 'none', '5.13'],
    ['map_idx', 'id', 'none', '5.14'],
    ['map_idx_value', 'id', 'offset', '5.14'],
  ];
  pseudo.forEach(([op, immUse, nextImmUse, linux], src_reg) => {
    // prettier-ignore
    add({ name: op === 'imm64' ? 'ld_imm64' : `ld_imm64_${op}`, kind: 'ld_imm64', op, opcode: c.BPF_LD | c.BPF_IMM | c.BPF_DW, dst: 'write', immUse, nextImmUse, fixed: { src_reg }, slots: 2, group: 'base64', linux, spec: '5.4' });
  });
}

/** RFC 9669 sec. 5.3, and the ordered loads and stores of Linux 6.15. */
function addAtomicRows(add: Add): void {
  const ops: [AtomicOp, number, CpuVersion, string][] = [
    ['add', c.BPF_ADD, 'v1', '3.18'],
    ['or', c.BPF_OR, 'v3', '5.12'],
    ['and', c.BPF_AND, 'v3', '5.12'],
    ['xor', c.BPF_XOR, 'v3', '5.12'],
    ['fetch_add', c.BPF_ADD | c.BPF_FETCH, 'v3', '5.12'],
    ['fetch_or', c.BPF_OR | c.BPF_FETCH, 'v3', '5.12'],
    ['fetch_and', c.BPF_AND | c.BPF_FETCH, 'v3', '5.12'],
    ['fetch_xor', c.BPF_XOR | c.BPF_FETCH, 'v3', '5.12'],
    ['xchg', c.BPF_XCHG, 'v3', '5.12'],
    ['cmpxchg', c.BPF_CMPXCHG, 'v3', '5.12'],
  ];
  for (const [, size, width] of SIZES) {
    const opcode = c.BPF_STX | c.BPF_ATOMIC | size;
    if (width === 32 || width === 64) {
      for (const [op, imm, since, linux] of ops) {
        const src = op === 'cmpxchg' || !(imm & c.BPF_FETCH) ? 'read' : 'readwrite';
        // prettier-ignore
        add({ name: `atomic_${op}${width}`, kind: 'atomic', op, opcode, width, dst: 'read', src, offsetUse: 'offset', fixed: { imm }, group: width === 64 ? 'atomic64' : 'atomic32', since, linux, spec: '5.3' });
      }
    }
    // prettier-ignore
    add({ name: `load_acquire${width}`, kind: 'load_acquire', op: 'load_acquire', opcode, width, dst: 'write', src: 'read', offsetUse: 'offset', fixed: { imm: c.BPF_LOAD_ACQ }, group: 'linux', since: 'v4', linux: '6.15', spec: 'BPF_LOAD_ACQ' });
    // prettier-ignore
    add({ name: `store_release${width}`, kind: 'store_release', op: 'store_release', opcode, width, dst: 'read', src: 'read', offsetUse: 'offset', fixed: { imm: c.BPF_STORE_REL }, group: 'linux', since: 'v4', linux: '6.15', spec: 'BPF_STORE_REL' });
  }
}

/** Every instruction, one row each. */
export const INSN_TABLE: readonly InsnRow[] = /* @__PURE__ */ buildTable();
