/**
 * Instructions to ops: one walk over the reachable instructions of a function, fusing as it goes.
 *
 * An op is appended for each instruction; before that, the previous op is looked at, and when both belong together (no
 * jump target between them, and the intermediate value is dead) they become one. Ops whose only effect is a register
 * that nothing reads are not appended at all. Fusions: mov + alu, address arithmetic into displacements, load + byte
 * swap, shift pairs that are zero- or sign-extensions, redundant zero-extensions, division by powers of two, atomics
 * whose old value is dead, jumps to the next instruction.
 */
import { BpfError } from '@polybpf/errors';
import { BPF_FUNC_tail_call, INSN_TABLE, type Insn, type InsnRow, type ProgramRelocation } from '@polybpf/isa';
import { type Analysis, type FunctionAnalysis, UPPER } from './analyse.ts';
import { blankOp, type CodeSymbol, type Cond, makeOp, NO_REG, type Op, type OpKind, R10 } from './op.ts';

/** What selection needs beside the analysis. */
export interface SelectOptions {
  readonly bigEndian: boolean;
  /** As in `Target.partialLoads`. */
  readonly partialLoads?: boolean;
  /** As in `Target.wordBits`. */
  readonly wordBits?: 32 | 64;
}

interface SelectState {
  readonly analysis: Analysis;
  readonly bigEndian: boolean;
  readonly partialLoads: boolean;
  /** Whether loads of all widths leave an upper half alone that nothing reads; else those of 32 bits only. */
  readonly allLoadsPartial: boolean;
  readonly relocationOf: ReadonlyMap<number, ProgramRelocation>;
  readonly ops: Op[];
  /** Index in `ops` before which no op may be fused, because a jump lands after it. */
  barrier: number;
  /** Registers (bits) whose upper half is known to be zero here. */
  upperZero: number;
  /** The op that defined each register, since the barrier. */
  readonly definedBy: (Op | undefined)[];
}

const ALU_OPS: Readonly<Record<string, OpKind>> = {
  add: 'add', sub: 'sub', mul: 'mul', div: 'udiv', sdiv: 'sdiv', mod: 'umod', smod: 'smod',
  and: 'and', or: 'or', xor: 'xor', lsh: 'lsh', rsh: 'rsh', arsh: 'arsh',
}; // prettier-ignore

/** The op of each row of arithmetic, by its id. */
const ALU_OP_OF: readonly (OpKind | undefined)[] = /* @__PURE__ */ INSN_TABLE.map(({ kind, op }) =>
  kind === 'alu' ? ALU_OPS[op] : undefined,
);

/** Ops whose 32-bit form zero-extends on demand. */
const ZERO_EXTENDING: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  ...Object.values(ALU_OPS),
  'neg',
  'mov',
  'load',
  'load_acquire',
  'load_bswap',
]);

const CONDITIONS: Readonly<Record<string, Cond>> = {
  jeq: 'eq', jne: 'ne', jgt: 'ugt', jge: 'uge', jlt: 'ult', jle: 'ule', jset: 'set',
  jsgt: 'sgt', jsge: 'sge', jslt: 'slt', jsle: 'sle',
}; // prettier-ignore

/** The condition of each conditional jump, by the id of its row. */
const CONDITION_OF: readonly (Cond | undefined)[] = /* @__PURE__ */ INSN_TABLE.map(({ kind, op }) =>
  kind === 'jmp' ? CONDITIONS[op] : undefined,
);

/**
 * The ops of one function, in order. Labels are insn indices; the driver binds them by `op.insn`.
 *
 * @throws BpfError `E_UNSUPPORTED` for packet access, which only interpreters have; `E_RUN_SYMBOL` for map references
 * that are bound to a file descriptor of a running kernel
 */
export function select(
  analysis: Analysis,
  fn: FunctionAnalysis,
  relocations: ReadonlyMap<number, ProgramRelocation>,
  options: SelectOptions,
): Op[] {
  const state: SelectState = { analysis, bigEndian: options.bigEndian, partialLoads: options.partialLoads === true || options.wordBits === 32, allLoadsPartial: options.wordBits === 32, relocationOf: relocations, ops: [], barrier: 0, upperZero: 0, definedBy: new Array<Op | undefined>(R10).fill(undefined) }; // prettier-ignore
  const { rows, reachable, isTarget } = analysis;
  for (let i = fn.start; i < fn.end; i++) {
    const row = rows[i];
    if (row === undefined || reachable[i] === 0) continue;
    if (isTarget[i] === 1) {
      state.barrier = state.ops.length;
      state.upperZero = 0;
      forget(state);
    }
    selectInsn(state, row, analysis.program.insns[i]!, i);
    noteUpperHalves(state, row, analysis.program.insns[i]!, i);
  }
  return state.ops;
}

function selectInsn(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  switch (row.kind) {
    case 'alu':
      return selectAlu(state, row, insn, i);
    case 'end':
      return selectEnd(state, row, insn, i);
    case 'jmp':
      return selectJmp(state, row, insn, i);
    case 'ja': {
      const label = i + 1 + (row.op === 'ja32' ? insn.imm : insn.offset);
      if (label !== nextReachable(state, i + 1)) push(state, jumpOp('jump', i, label));
      return;
    }
    case 'may_goto':
      return push(state, jumpOp('may_goto', i, i + 1 + insn.offset));
    case 'exit':
      // An exit is a jump to the function's epilogue: the driver knows its label.
      return push(state, jumpOp('jump', i, -1));
    case 'load':
    case 'load_acquire':
      return selectLoad(state, row, insn, i);
    case 'store':
    case 'store_release':
      return foldAddress(state, memoryOp(row.kind, i, row.width, insn.dst_reg, NO_REG, insn.src_reg, insn.offset));
    case 'store_imm':
      return foldAddress(
        state,
        makeOp('store_imm', i, { width: row.width, d: insn.dst_reg, imm: insn.imm, offset: insn.offset }),
      );
    case 'atomic':
      return selectAtomic(state, row, insn, i);
    case 'ld_imm64':
      return selectImm64(state, row, insn, i);
    case 'addr_space_cast':
      return push(
        state,
        makeOp('addr_space_cast', i, {
          d: insn.dst_reg,
          a: insn.src_reg,
          imm: insn.imm,
          zext: isUpperLive(state, insn.dst_reg, i),
        }),
      );
    case 'call_helper':
      if (insn.imm === BPF_FUNC_tail_call) return pushCall(state, makeOp('tail_call', i, { imm: insn.imm, symbol: { kind: 'helper', id: insn.imm } })); // prettier-ignore
      return pushCall(state, makeOp('call_helper', i, { imm: insn.imm, symbol: { kind: 'helper', id: insn.imm } }));
    case 'call_local': {
      const relocation = state.relocationOf.get(i);
      if (relocation?.kind === 'subprogram') return selectSymbolCall(state, relocation, i);
      return pushCall(state, jumpOp('call_local', i, i + 1 + insn.imm));
    }
    case 'call_kfunc': {
      const relocation = state.relocationOf.get(i);
      const named: ProgramRelocation = relocation ?? { insn: i, kind: 'kfunc', symbol: `bpf_kfunc_${insn.imm >>> 0}`, addend: 0 }; // prettier-ignore
      return selectSymbolCall(state, named, i);
    }
    case 'callx':
      return pushCall(state, makeOp('call_register', i, { a: insn.dst_reg }));
    case 'load_packet':
      throw new BpfError('E_UNSUPPORTED', `${row.name}: legacy packet access has no native code`, { at: { insn: i } });
  }
}

function selectSymbolCall(state: SelectState, relocation: ProgramRelocation, i: number): void {
  const symbol: CodeSymbol = { kind: 'function', name: relocation.symbol, weak: relocation.weak === true };
  pushCall(state, makeOp('call_symbol', i, { symbol, addend: relocation.addend }));
}

function push(state: SelectState, op: Op): void {
  state.ops.push(op);
  if (op.d !== NO_REG) state.definedBy[op.d] = op;
}

/** Appends an op that writes registers other than `d`. */
function pushCall(state: SelectState, op: Op): void {
  state.ops.push(op);
  forget(state);
}

/** Anything may define the registers here. */
function forget({ definedBy }: SelectState): void {
  for (let r = 0; r < R10; r++) definedBy[r] = undefined;
}

/** `d = a op b`, or `d = a op imm` when `b` is NO_REG. */
function aluOp(
  kind: OpKind,
  i: number,
  width: Op['width'],
  d: number,
  a: number,
  b: number,
  imm: number,
  zext: boolean,
): Op {
  const op = blankOp(kind, i);
  op.width = width;
  op.d = d;
  op.a = a;
  op.b = b;
  op.imm = imm;
  op.zext = zext;
  return op;
}

function movOp(i: number, width: Op['width'], d: number, a: number, zext: boolean): Op {
  return aluOp('mov', i, width, d, a, NO_REG, 0, zext);
}

function sextOp(i: number, width: Op['width'], from: Op['from'], d: number, a: number, zext: boolean): Op {
  const op = aluOp('sext', i, width, d, a, NO_REG, 0, zext);
  op.from = from;
  return op;
}

function constOp(i: number, d: number, imm: number, immHi: number, zext: boolean): Op {
  const op = blankOp('const', i);
  op.d = d;
  op.imm = imm;
  op.immHi = immHi;
  op.zext = zext;
  return op;
}

function memoryOp(kind: OpKind, i: number, width: Op['width'], d: number, a: number, b: number, offset: number): Op {
  const op = blankOp(kind, i);
  op.width = width;
  op.d = d;
  op.a = a;
  op.b = b;
  op.offset = offset;
  return op;
}

function jumpOp(kind: OpKind, i: number, label: number): Op {
  const op = blankOp(kind, i);
  op.label = label;
  return op;
}

function nextReachable({ analysis: { rows, reachable } }: SelectState, from: number): number {
  let i = from;
  while (i < rows.length && (rows[i] === undefined || reachable[i] === 0)) i++;
  return i;
}

function isLive(state: SelectState, register: number, i: number): boolean {
  return (state.analysis.liveOut[i]! & (1 << register)) !== 0;
}

function isUpperLive(state: SelectState, register: number, i: number): boolean {
  return (state.analysis.liveOut[i]! & (1 << (register + UPPER))) !== 0;
}

/** The last op, when the next one may be fused with it. */
function previous(state: SelectState): Op | undefined {
  return state.ops.length > state.barrier ? state.ops[state.ops.length - 1] : undefined;
}

function selectAlu(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const { dst_reg: d, src_reg } = insn;
  if (!isLive(state, d, i)) return;
  const width = row.width as 32 | 64;
  const zext = isUpperLive(state, d, i);
  if (row.op === 'mov') {
    if (row.source === 'imm') {
      const immHi = width === 64 && insn.imm < 0 ? -1 : 0;
      return push(state, constOp(i, d, insn.imm, immHi, zext));
    }
    const isNoop = d === src_reg && (width === 64 || !zext || (state.upperZero & (1 << src_reg)) !== 0);
    if (isNoop || (d === src_reg && width === 32 && extendsDefinition(state, d))) return;
    // A copy of a register whose upper half is dead or already zero is a plain copy.
    const plain = width === 32 && (state.upperZero & (1 << src_reg)) !== 0 && src_reg !== R10;
    return push(state, movOp(i, plain ? 64 : width, d, src_reg, zext));
  }
  if (row.op === 'movsx') {
    return push(state, sextOp(i, width, row.signedFrom, d, src_reg, zext));
  }
  if (row.op === 'neg') return fuseMove(state, aluOp('neg', i, width, d, d, NO_REG, 0, zext));
  let kind = ALU_OP_OF[row.id]!;
  let { imm } = insn;
  const b = row.source === 'reg' ? src_reg : NO_REG;
  if (b === NO_REG) {
    if (kind === 'sub' && imm !== -2147483648) [kind, imm] = ['add', -imm];
    if (kind === 'lsh' || kind === 'rsh' || kind === 'arsh') imm &= width - 1; // RFC 9669 sec. 4.1: masked
    if (isIdentity(kind, imm) && (width === 64 || !zext || (state.upperZero & (1 << d)) !== 0)) return;
    const power = imm > 0 && (imm & (imm - 1)) === 0 ? 31 - Math.clz32(imm) : -1;
    if (kind === 'udiv' && power >= 0) [kind, imm] = ['rsh', power];
    else if (kind === 'umod' && power >= 0) [kind, imm] = ['and', imm - 1];
    else if (kind === 'mul' && power >= 0) [kind, imm] = ['lsh', power];
    if (isIdentity(kind, imm)) return width === 64 ? undefined : zeroExtend(state, d, i, zext);
    if (kind === 'and' && imm === 0) return push(state, constOp(i, d, 0, 0, zext));
    if (fuseShiftPair(state, kind, imm, d, width, zext, i)) return;
    if (fuseAddition(state, kind, imm, d, width, i, zext)) return;
  }
  fuseMove(state, aluOp(kind, i, width, d, d, b, b === NO_REG ? imm : 0, zext));
}

function zeroExtend(state: SelectState, d: number, i: number, zext: boolean): void {
  if (zext) push(state, movOp(i, 32, d, d, zext));
}

/** Whether the op that defined `d` can zero-extend its result itself; then it is told to. */
function extendsDefinition(state: SelectState, d: number): boolean {
  const definition = state.definedBy[d];
  if (definition === undefined || definition.width !== 32 || !ZERO_EXTENDING.has(definition.kind)) return false;
  definition.zext = true;
  return true;
}

function isIdentity(kind: OpKind, imm: number): boolean {
  if (imm === 0) return kind === 'add' || kind === 'sub' || kind === 'or' || kind === 'xor' || kind === 'lsh' || kind === 'rsh' || kind === 'arsh'; // prettier-ignore
  return (kind === 'mul' || kind === 'udiv') && imm === 1;
}

/** `d <<= k; d >>= k` extends the low 64-k bits when they are 8, 16 or 32. */
function fuseShiftPair(
  state: SelectState,
  kind: OpKind,
  imm: number,
  d: number,
  width: number,
  zext: boolean,
  i: number,
): boolean {
  if ((kind !== 'rsh' && kind !== 'arsh') || width !== 64) return false;
  const from = 64 - imm;
  if (from !== 8 && from !== 16 && from !== 32) return false;
  const shift = previous(state);
  if (shift?.kind !== 'lsh' || shift.width !== 64 || shift.d !== d || shift.b !== NO_REG || shift.imm !== imm)
    return false;
  state.ops.pop();
  if (kind === 'arsh') push(state, sextOp(i, 64, from, d, shift.a, zext));
  else push(state, movOp(i, from, d, shift.a, zext));
  return true;
}

/** `d = a + k; d += m` is one addition. */
function fuseAddition(
  state: SelectState,
  kind: OpKind,
  imm: number,
  d: number,
  width: number,
  i: number,
  zext: boolean,
): boolean {
  if (kind !== 'add' || width !== 64) return false;
  const add = previous(state);
  if (add?.kind !== 'add' || add.width !== 64 || add.d !== d || add.b !== NO_REG) return false;
  const sum = add.imm + imm;
  if (sum !== (sum | 0)) return false;
  state.ops.pop();
  push(state, aluOp('add', i, 64, d, add.a, NO_REG, sum, zext));
  return true;
}

/** `mov d, a; op d, b` becomes `op d, a, b`. */
function fuseMove(state: SelectState, op: Op): void {
  const move = previous(state);
  if (
    move?.kind === 'mov' &&
    move.d === op.d &&
    op.a === op.d &&
    (move.width === 64 || (move.width === 32 && op.width === 32))
  ) {
    // r10 as the first operand exists only in additions of a constant.
    if (move.a !== R10 || (op.kind === 'add' && op.b === NO_REG && op.width === 64)) {
      state.ops.pop();
      op.a = move.a;
      if (op.b === op.d) op.b = move.a;
    }
  }
  push(state, op);
}

function selectEnd(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const { dst_reg: d } = insn;
  if (!isLive(state, d, i)) return;
  const swaps = row.op === 'bswap' || (row.op === 'be') !== state.bigEndian;
  const width = row.width as 16 | 32 | 64;
  const zext = isUpperLive(state, d, i);
  const load = previous(state);
  const loaded = load?.kind === 'load' && load.d === d && load.width === width;
  if (!swaps) {
    // Conversion to the order the machine has truncates and zero-extends (RFC 9669 sec. 4.2).
    if (loaded && zext) load.zext = true;
    if (width === 64 || loaded || (width === 32 && !zext)) return;
    return push(state, movOp(i, width, d, d, zext));
  }
  if (loaded) {
    state.ops.pop();
    return push(state, { ...load, kind: 'load_bswap', insn: i, zext: !state.partialLoads || zext });
  }
  fuseMove(state, aluOp('bswap', i, width, d, d, NO_REG, 0, zext));
}

function selectJmp(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const label = i + 1 + insn.offset;
  const fallThrough = nextReachable(state, i + 1);
  if (label === fallThrough) return;
  const width = row.width as 32 | 64;
  const b = row.source === 'reg' ? insn.src_reg : NO_REG;
  const imm = b === NO_REG ? insn.imm : 0;
  const op = aluOp('branch', i, width, NO_REG, insn.dst_reg, b, imm, true);
  op.cond = CONDITION_OF[row.id]!;
  op.label = label;
  push(state, op);
}

function selectLoad(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const { dst_reg: d, src_reg: a, offset } = insn;
  // Where it costs nothing, loads zero-extend whatever is read later, so that later extensions can be dropped.
  const zext = !state.partialLoads || isUpperLive(state, d, i);
  const kind = row.kind === 'load_acquire' ? row.kind : row.op === 'load_signed' ? 'load_sext' : 'load';
  const op = memoryOp(kind, i, row.width, d, a, NO_REG, offset);
  if (kind === 'load_sext') op.from = row.signedFrom;
  op.zext = zext;
  foldAddress(state, op);
}

/** Appends a memory op; `base = x + k` right before it goes into its displacement when nothing else reads `base`. */
function foldAddress(state: SelectState, op: Op): void {
  const isLoad = op.kind === 'load' || op.kind === 'load_sext' || op.kind === 'load_acquire';
  const base = isLoad ? op.a : op.d;
  const add = previous(state);
  const baseDies = (isLoad && op.d === base) || !isLive(state, base, op.insn);
  const usedTwice = !isLoad && op.b === base;
  if (add !== undefined && add.d === base && baseDies && !usedTwice) {
    const isAddress =
      (add.kind === 'add' && add.b === NO_REG && add.width === 64) || (add.kind === 'mov' && add.width === 64);
    const offset = op.offset + (add.kind === 'add' ? add.imm : 0);
    // Displacements beyond what BPF itself has help no target.
    if (isAddress && offset >= -32768 && offset <= 32767) {
      state.ops.pop();
      op.offset = offset;
      if (isLoad) op.a = add.a;
      else op.d = add.a;
    }
  }
  push(state, op);
}

function selectAtomic(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const { dst_reg: d, src_reg: b, offset } = insn;
  const width = row.width as 32 | 64;
  const result = row.op === 'cmpxchg' ? 0 : b;
  const zext = isUpperLive(state, result, i);
  let kind = row.src === 'readwrite' || row.op === 'cmpxchg' ? (row.op as OpKind) : (`atomic_${row.op}` as OpKind);
  // The old value is dead: the plain form is shorter, and orders memory at least as RFC 9669 sec. 5.3 asks.
  if (row.op.startsWith('fetch_') && !isLive(state, b, i)) kind = `atomic_${row.op.slice(6)}` as OpKind;
  const op = memoryOp(kind, i, width, d, NO_REG, b, offset);
  op.zext = zext;
  foldAtomic(state, op);
  // Those with a result write their operand or r0, which `d`, their base, does not tell.
  if (!kind.startsWith('atomic_')) forget(state);
}

function foldAtomic(state: SelectState, op: Op): void {
  if (op.kind === 'cmpxchg' && op.d === 0) return push(state, op);
  foldAddress(state, op);
}

function selectImm64(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const d = insn.dst_reg;
  const relocation = state.relocationOf.get(i);
  if (!isLive(state, d, i)) return;
  const high = state.analysis.program.insns[i + 1]!.imm;
  if (relocation?.kind === 'extern' || relocation?.kind === 'subprogram') {
    const symbol: CodeSymbol = { kind: 'function', name: relocation.symbol, weak: relocation.weak === true };
    return push(state, makeOp('address', i, { d, symbol, addend: relocation.addend, zext: isUpperLive(state, d, i) }));
  }
  const { maps } = state.analysis.program;
  switch (row.op) {
    case 'imm64':
      return push(state, constOp(i, d, insn.imm, high, isUpperLive(state, d, i)));
    case 'func':
      return push(state, makeOp('function_address', i, { d, label: i + 1 + insn.imm, zext: isUpperLive(state, d, i) }));
    case 'map_idx':
    case 'map_idx_value': {
      const map = maps[insn.imm];
      if (map === undefined) throw new BpfError('E_JIT_PROGRAM', 'map index', { at: { insn: i }, expected: `less than ${maps.length}`, got: String(insn.imm) }); // prettier-ignore
      const kind = row.op === 'map_idx' ? 'map' : 'data';
      return push(
        state,
        makeOp('address', i, {
          d,
          symbol: { kind, map: insn.imm, name: map.name },
          addend: kind === 'map' ? 0 : high,
          zext: isUpperLive(state, d, i),
        }),
      );
    }
    default:
      throw new BpfError('E_RUN_SYMBOL', `${row.name} refers to an object of a running kernel`, { at: { insn: i }, expected: 'a map index or a relocation', got: `id ${insn.imm}` }); // prettier-ignore
  }
}

/** Keeps `upperZero` true across one instruction. */
function noteUpperHalves(state: SelectState, row: InsnRow, insn: Insn, i: number): void {
  const { analysis } = state;
  const bit = 1 << insn.dst_reg;
  switch (row.kind) {
    case 'alu': {
      if (row.width === 32) return noteResult(state, bit, isUpperLive(state, insn.dst_reg, i));
      const sourceZero = row.source === 'imm' ? insn.imm >= 0 : (state.upperZero & (1 << insn.src_reg)) !== 0;
      const wasZero = (state.upperZero & bit) !== 0;
      const zero =
        row.op === 'mov' ? sourceZero
        : row.op === 'and' ? wasZero || sourceZero
        : row.op === 'or' || row.op === 'xor' ? wasZero && sourceZero
        : row.op === 'rsh' ? wasZero || (row.source === 'imm' && (insn.imm & 63) >= 32)
        : row.op === 'div' || row.op === 'mod' ? wasZero
        : false; // prettier-ignore
      return noteResult(state, bit, zero && isUpperLive(state, insn.dst_reg, i));
    }
    case 'end':
      return noteResult(state, bit, row.width !== 64 && isUpperLive(state, insn.dst_reg, i));
    case 'load':
    case 'load_acquire':
      return noteResult(state, bit, row.width !== 64 && row.signedFrom === 0 && (!state.partialLoads || (row.width !== 32 && !state.allLoadsPartial) || isUpperLive(state, insn.dst_reg, i))); // prettier-ignore
    case 'ld_imm64': {
      const isLow = row.op === 'imm64' && analysis.program.insns[i + 1]!.imm === 0;
      return noteResult(state, bit, isLow && isUpperLive(state, insn.dst_reg, i));
    }
    case 'atomic':
      state.upperZero &= ~((row.src === 'readwrite' ? 1 << insn.src_reg : 0) | (row.op === 'cmpxchg' ? 1 : 0));
      return;
    case 'addr_space_cast':
      return noteResult(state, bit, false);
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
    case 'callx':
      state.upperZero &= ~0b111111;
      return;
    default:
      return;
  }
}

/** An op may skip zeroing an upper half that nothing reads, so only live upper halves count as known. */
function noteResult(state: SelectState, bit: number, zero: boolean): void {
  if (zero) state.upperZero |= bit;
  else state.upperZero &= ~bit;
}
