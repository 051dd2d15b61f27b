/**
 * Programs for comparing native code with the interpreter. Memory at r1: inputs of r0..r9, then room for results.
 * Addresses differ between engines, so no program lets one reach its results.
 */
import { type Insn, INSN_TABLE, type InsnRow, makeInsn, rowByName } from '@polybpf/isa';

/** Deterministic random numbers (xorshift32). */
export interface Random {
  /** 0 to n - 1. */
  int(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** Signed 32 bits, often at an edge. */
  imm(): number;
}

const EDGES32 = [0, 1, -1, 2, -2, 3, 7, 10, 31, 32, 33, 63, 64, 127, 128, -128, -129, 129, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x12345678, 0x7fffffff, -0x80000000, -0x7fffffff]; // prettier-ignore

export function makeRandom(seed: number): Random {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const int = (n: number): number => next() % n;
  const pick = <T>(list: readonly T[]): T => list[int(list.length)]!;
  return { int, pick, imm: () => (int(3) === 0 ? next() | 0 : pick(EDGES32)) };
}

export const EDGES64: readonly bigint[] = [
  0n, 1n, 2n, 3n, 7n, 10n, 31n, 32n, 33n, 63n, 64n, 65n, 0x7fn, 0x80n, 0xffn, 0x100n, 0x7fffn, 0x8000n, 0xffffn,
  0x7fffffffn, 0x80000000n, 0xffffffffn, 0x1_00000000n, 0x80000000_00000000n, 0x7fffffff_ffffffffn,
  0xffffffff_ffffffffn, 0xffffffff_fffffffen, 0xffffffff_80000000n, 0xffffffff_7fffffffn, 0x80000000_80000000n,
  0x01234567_89abcdefn, 0xfedcba98_76543210n, 0xffffffff_00000000n, 0xdeadbeef_ffffffffn, 0x11111111_80000000n,
]; // prettier-ignore

const row = (name: string): InsnRow => rowByName(name)!;
const insn = (name: string, dst = 0, src = 0, offset = 0, imm = 0): Insn => {
  const { opcode, fixed } = row(name);
  return makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);
};
const ofRow = ({ opcode, fixed }: InsnRow, dst: number, src: number, offset: number, imm: number): Insn =>
  makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);

/** Frame slot of the pointer to memory. */
const CTX_SLOT = -8;
/** Frame slot that memory instructions work on through r10. */
const WORK_SLOT = -96;
const dumpSlot = (register: number): number => -16 - 8 * register;

/** One instruction to try: which registers it has, and which are read afterwards. */
export interface Trial {
  readonly row: InsnRow;
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  /** Bits of registers whose values are compared afterwards. */
  readonly live: number;
}

/**
 * A program that tries instructions one after the other, each on fresh registers r0..r9 from memory, with results from
 * byte 88 on; and how much memory it needs.
 */
export function trialProgram(trials: readonly Trial[]): { insns: Insn[]; memory: number } {
  const insns: Insn[] = [insn('stxdw', 10, 1, CTX_SLOT)];
  let at = 88;
  for (const { row: tried, dst, src, imm, live } of trials) {
    const isMemory = ['load', 'load_acquire', 'store', 'store_imm', 'store_release', 'atomic'].includes(tried.kind);
    const isLoad = tried.kind === 'load' || tried.kind === 'load_acquire';
    const base = isMemory ? (isLoad ? src : dst) : -1;
    insns.push(insn('ldxdw', 1, 10, CTX_SLOT), insn('ldxdw', 0, 1, 80), insn('stxdw', 10, 0, WORK_SLOT));
    for (const register of [0, 2, 3, 4, 5, 6, 7, 8, 9, 1]) insns.push(insn('ldxdw', register, 1, 8 * register));
    let offset = 0;
    if (base === 10) offset = WORK_SLOT;
    else if (base >= 0) {
      insns.push(insn('mov64_reg', base, 10), insn('add64_imm', base, 0, 0, WORK_SLOT + 24));
      offset = -24;
    }
    if (tried.kind === 'jmp') {
      // 1 in the work slot when the branch was not taken
      insns.push(insn('stdw', 10, 0, WORK_SLOT, 0), ofRow(tried, dst, src, 1, imm), insn('stdw', 10, 0, WORK_SLOT, 1));
    } else insns.push(ofRow(tried, dst, src, offset, imm));
    // a base is an address, unless the instruction has overwritten it
    const overwritten =
      (isLoad && dst === base) ||
      (tried.kind === 'atomic' &&
        ((tried.src === 'readwrite' && src === base) || (tried.op === 'cmpxchg' && base === 0)));
    const keepsAddress = base >= 0 && !overwritten;
    const compared = keepsAddress ? live & ~(1 << base) : live;
    for (let register = 0; register < 10; register++) {
      if ((compared & (1 << register)) !== 0) insns.push(insn('stxdw', 10, register, dumpSlot(register)));
    }
    insns.push(insn('ldxdw', 1, 10, CTX_SLOT));
    for (let register = 0; register < 10; register++) {
      if ((compared & (1 << register)) === 0) continue;
      insns.push(insn('ldxdw', 2, 10, dumpSlot(register)), insn('stxdw', 1, 2, at));
      at += 8;
    }
    // with the base as operand, an address has gone to memory
    if (isMemory && tried.kind !== 'store_imm' && !isLoad && src === base) continue;
    insns.push(insn('ldxdw', 2, 10, WORK_SLOT), insn('stxdw', 1, 2, at));
    at += 8;
  }
  insns.push(insn('mov64_imm', 0, 0, 0, trials.length), insn('exit'));
  return { insns, memory: at };
}

/** Memory with values for r0..r9 and the word that memory instructions work on. */
export function trialMemory(random: Random, length: number): Uint8Array {
  const memory = new Uint8Array(length);
  const view = new DataView(memory.buffer);
  for (let at = 0; at < 88; at += 8)
    view.setBigUint64(at, random.int(4) === 0 ? randomU64(random) : random.pick(EDGES64), true);
  // equal values, so that cmpxchg and comparisons find some
  if (random.int(2) === 0) view.setBigUint64(80, view.getBigUint64(0, true), true);
  if (random.int(2) === 0) view.setBigUint64(8 * random.int(10), view.getBigUint64(8 * random.int(10), true), true);
  return memory;
}

function randomU64(random: Random): bigint {
  return (BigInt(random.int(2 ** 32)) << 32n) | BigInt(random.int(2 ** 32));
}

/** Rows that can be tried on their own. */
export function triableRows(): InsnRow[] {
  const kinds = ['alu', 'end', 'jmp', 'load', 'store', 'store_imm', 'atomic', 'load_acquire', 'store_release'];
  return INSN_TABLE.filter(({ kind }) => kinds.includes(kind));
}

/** The helper that random programs call: id and function, the same for every engine. */
export const MIX_HELPER = 40;
export function mix(args: readonly bigint[]): bigint {
  return BigInt.asUintN(
    64,
    args.reduce((sum, arg) => (sum ^ arg) * 0x9e3779b97f4a7c15n + 12345n, 7n),
  );
}

/**
 * A random program: arithmetic, memory, atomics, branches, counted loops, helper calls, local calls. It ends by leaving
 * all registers in memory.
 */
export function randomProgram(seed: number, options: ProgramOptions = {}): { insns: Insn[]; memory: number } {
  const random = makeRandom(seed);
  const withCalls = random.int(2) === 0 || options.withCalls === true;
  const stack = random.pick([104, 104, 128, 256, 512]);
  const count = random.pick([3, 5, 8, 10]);
  const registers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].sort(() => random.int(3) - 1).slice(0, count);
  const state: GeneratorState = {
    random,
    registers,
    stack,
    withCalls,
    callx: options.callx ?? true,
    depth: 0,
    calls: [],
  };
  const body: Insn[] = [insn('stxdw', 10, 1, CTX_SLOT)];
  for (let at = WORK_SLOT - 8; at >= -stack; at -= 8) body.push(insn('stdw', 10, 0, at, random.imm()));
  for (const register of registers.filter((other) => other !== 1)) body.push(insn('ldxdw', register, 1, 8 * register));
  if (registers.includes(1)) body.push(insn('ldxdw', 1, 1, 8));
  body.push(...block(state, body.length, 20 + random.int(60)));
  for (const register of registers) body.push(insn('stxdw', 10, register, dumpSlot(register)));
  body.push(insn('ldxdw', 1, 10, CTX_SLOT));
  let at = 88;
  const slots = registers.map(dumpSlot);
  for (let slot = WORK_SLOT - 8; slot >= -stack; slot -= 8) slots.push(slot);
  for (const slot of slots) {
    body.push(insn('ldxdw', 2, 10, slot), insn('stxdw', 1, 2, at));
    at += 8;
  }
  body.push(insn('ldxdw', 0, 10, dumpSlot(registers[0]!)), insn('exit'));
  const callees: Insn[] = [];
  for (const call of state.calls) {
    const start = body.length + callees.length;
    const callee = subprogram(random);
    body[call] = { ...body[call]!, imm: start - call - 1 };
    callees.push(...callee);
  }
  return { insns: [...body, ...callees], memory: at };
}

/** What kinds of programs are wanted. */
export interface ProgramOptions {
  /** Whether it must be allowed to call. */
  readonly withCalls?: boolean;
  /** Whether helpers may be called by id in a register; default true. */
  readonly callx?: boolean;
}

interface GeneratorState {
  readonly callx: boolean;
  readonly random: Random;
  readonly registers: readonly number[];
  readonly stack: number;
  readonly withCalls: boolean;
  depth: number;
  /** Insn indices of local calls. */
  readonly calls: number[];
}

const ALU_ROWS = INSN_TABLE.filter(({ kind }) => kind === 'alu' || kind === 'end');
const JMP_ROWS = INSN_TABLE.filter(({ kind }) => kind === 'jmp');
const MEMORY_ROWS = INSN_TABLE.filter(({ kind }) =>
  ['load', 'store', 'store_imm', 'load_acquire', 'store_release', 'atomic'].includes(kind),
);

/** About `length` instructions that start at insn index `start`. */
function block(state: GeneratorState, start: number, length: number): Insn[] {
  const { random, registers } = state;
  const out: Insn[] = [];
  const any = (): number => random.pick(registers);
  while (out.length < length) {
    const choice = random.int(24);
    if (choice < 9) {
      const alu = random.pick(ALU_ROWS);
      out.push(ofRow(alu, any(), alu.src === 'read' ? any() : 0, 0, alu.immUse === 'imm' ? random.imm() : 0));
    } else if (choice < 10) {
      const [low, high] = [random.imm(), random.imm()];
      out.push(insn('ld_imm64', any(), 0, 0, low), makeInsn(0, 0, 0, 0, high));
    } else if (choice < 14) out.push(...memoryAccess(state, any));
    else if (choice < 17 && state.depth < 3) {
      state.depth++;
      const inner = block(state, start + out.length + 1, 1 + random.int(8));
      state.depth--;
      const jump = random.pick(JMP_ROWS);
      out.push(
        ofRow(jump, any(), jump.src === 'read' ? any() : 0, inner.length, jump.immUse === 'imm' ? random.imm() : 0),
        ...inner,
      );
    } else if (choice === 17 && state.depth === 0) out.push(...loop(state, start + out.length));
    else if (choice >= 18 && choice < 20 && state.withCalls) out.push(...call(state, start + out.length));
    else out.push(...idiom(state, any));
  }
  return out;
}

function memoryAccess({ random, stack }: GeneratorState, any: () => number): Insn[] {
  const access = random.pick(MEMORY_ROWS);
  const bytes = access.width / 8;
  const aligned = ['atomic', 'load_acquire', 'store_release'].includes(access.kind) || random.int(2) === 0;
  const room = stack + WORK_SLOT - bytes;
  const at = -stack + (aligned ? bytes * random.int(Math.floor(room / bytes) + 1) : random.int(room + 1));
  const imm = access.immUse === 'imm' ? random.imm() : 0;
  const isLoad = access.kind === 'load' || access.kind === 'load_acquire';
  const operand = any();
  const dst = isLoad ? operand : 10;
  const src = access.src === 'none' || access.src === 'fixed' ? 0 : isLoad ? 10 : operand;
  if (random.int(2) === 0) return [ofRow(access, dst, src, at, imm)];
  // through a pointer in a register, which is then overwritten
  const pointer = any();
  if (pointer === operand && !isLoad) return [ofRow(access, dst, src, at, imm)];
  const split = random.int(64);
  const through = isLoad
    ? ofRow(access, operand, pointer, at + split, imm)
    : ofRow(access, pointer, src, at + split, imm);
  const cmpxchgWithBaseR0 = access.op === 'cmpxchg' && pointer === 0;
  if (cmpxchgWithBaseR0) return [ofRow(access, dst, src, at, imm)];
  return [
    insn('mov64_reg', pointer, 10),
    insn('add64_imm', pointer, 0, 0, -split),
    through,
    ...(isLoad && operand === pointer ? [] : [insn('mov64_imm', pointer, 0, 0, random.imm())]),
  ];
}

/** What compilers write and code generators fuse: array elements, rotates, minima, operands and comparisons in memory. */
function idiom({ random, registers, stack }: GeneratorState, any: () => number): Insn[] {
  const [x, t] = [any(), any()];
  if (x === t) return [];
  const words = (stack + WORK_SLOT) / 8;
  const slot = -stack + 8 * random.int(words);
  const width = random.pick(['64', '32']);
  switch (random.int(7)) {
    case 0: {
      // x = frame[x & mask], or frame[x & mask] = y
      const size = random.pick(['b', 'h', 'w', 'dw'] as const);
      const shift = { b: 0, h: 1, w: 2, dw: 3 }[size];
      const index = [insn('and64_imm', x, 0, 0, (1 << random.int(Math.floor(Math.log2(words)) + 1)) - 1)];
      if (shift > 0) index.push(insn('lsh64_imm', x, 0, 0, shift));
      const base = [insn('mov64_reg', t, 10), insn('add64_imm', t, 0, 0, -stack), insn('add64_reg', t, x)];
      const value = random.pick(registers);
      const isLoad = random.int(2) === 0 || value === t;
      const access = isLoad ? insn(`ldx${size}`, random.pick([t, x]), t) : insn(`stx${size}`, t, value);
      return [
        ...index,
        ...base,
        access,
        ...(isLoad && access.dst_reg === t ? [] : [insn('mov64_imm', t, 0, 0, random.imm())]),
      ];
    }
    case 1: {
      const bits = Number(width);
      const left = 1 + random.int(bits - 1);
      const shifts = [insn(`lsh${width}_imm`, x, 0, 0, left), insn(`rsh${width}_imm`, t, 0, 0, bits - left)];
      if (random.int(2) === 0) shifts.reverse();
      if (random.int(4) === 0) shifts[0] = { ...shifts[0]!, dst_reg: shifts[1]!.dst_reg };
      const combine = random.pick(['or', 'xor', 'add', 'and']);
      if (random.int(2) === 0) {
        // both from a third register
        const from = any();
        const [one, two] = shifts.map((shift) => [insn(`mov${width}_reg`, shift.dst_reg, from), shift]);
        return [...one!, ...two!, insn(`${combine}${width}_reg`, x, t), ...maybeKill(random, t)];
      }
      return [insn(`mov${width}_reg`, t, x), ...shifts, insn(`${combine}${width}_reg`, x, t), ...maybeKill(random, t)];
    }
    case 2: {
      const compare = random.pick(JMP_ROWS);
      const other = any();
      return [
        ofRow(compare, x, compare.src === 'read' ? t : 0, 1, compare.immUse === 'imm' ? random.imm() : 0),
        insn(`mov${random.pick(['64', '32'])}_reg`, random.pick([x, t, other]), random.pick([x, t, other])),
        ...(random.int(2) === 0
          ? [
              ofRow(compare, x, compare.src === 'read' ? t : 0, 1, compare.immUse === 'imm' ? random.imm() : 0),
              insn('mov32_reg', other, t),
            ]
          : []),
      ];
    }
    case 3: {
      const load = insn(`ldx${random.pick(['b', 'h', 'w', 'dw', 'sb', 'sw'])}`, t, 10, slot);
      const operation = random.pick(['add', 'sub', 'and', 'or', 'xor', 'mul', 'mov']);
      return [load, insn(`${operation}${width}_reg`, x, t), ...maybeKill(random, t)];
    }
    case 4: {
      // a counter in memory
      const size = random.pick(['w', 'dw']);
      const operation = random.pick(['add', 'sub', 'and', 'or', 'xor', 'mul', 'lsh']);
      const change =
        random.int(2) === 0
          ? insn(`${operation}${width}_imm`, t, 0, 0, random.pick([1, -1, 5, random.imm()]))
          : insn(`${operation}${width}_reg`, t, random.pick([x, t]));
      return [insn(`ldx${size}`, t, 10, slot), change, insn(`stx${size}`, 10, t, slot), ...maybeKill(random, t)];
    }
    case 5: {
      const load = insn(`ldx${random.pick(['b', 'h', 'w', 'dw'])}`, t, 10, slot);
      const extend = random.pick(['movsx64_8', 'movsx64_16', 'movsx64_32', 'movsx32_8', 'movsx32_16']);
      return [load, insn(extend, random.pick([t, x]), t), ...maybeKill(random, t)];
    }
    default: {
      const load = insn(`ldx${random.pick(['b', 'h', 'w', 'dw'])}`, t, 10, slot);
      const compare = random.pick(JMP_ROWS.filter(({ immUse }) => immUse === 'imm'));
      return [load, ofRow(compare, t, 0, 1, random.imm()), insn('xor64_imm', x, 0, 0, 0x55), ...maybeKill(random, t)];
    }
  }
}

/** Often gives a register a new value, so that the old one is dead. */
function maybeKill(random: Random, register: number): Insn[] {
  return random.int(3) > 0 ? [insn('mov64_imm', register, 0, 0, random.imm())] : [];
}

/** A counted loop; the counter is in the frame. */
function loop(state: GeneratorState, start: number): Insn[] {
  const { random, registers } = state;
  const counter = random.pick(registers);
  state.depth++;
  const head = [insn('stdw', 10, 0, WORK_SLOT, 1 + random.int(5))];
  const body = block(state, start + 1, 3 + random.int(8));
  state.depth--;
  const tail = [
    insn('ldxdw', counter, 10, WORK_SLOT),
    insn('add64_imm', counter, 0, 0, -1),
    insn('stxdw', 10, counter, WORK_SLOT),
  ];
  const back = -(body.length + tail.length + 1);
  return [...head, ...body, ...tail, insn('jne64_imm', counter, 0, back, 0)];
}

/** A call; r1..r5 are lost in it, so those that are in use get new values. */
function call(state: GeneratorState, start: number): Insn[] {
  const { random, registers } = state;
  const out: Insn[] = [];
  for (let argument = 1; argument <= 5; argument++) {
    if (!registers.includes(argument)) out.push(insn('mov64_imm', argument, 0, 0, random.imm()));
  }
  const kind = random.int(4);
  if (kind === 0) {
    state.calls.push(start + out.length);
    out.push(insn('call_local', 0, 0, 0, 0));
  } else if (kind === 1 && state.callx && registers.some((register) => register > 5)) {
    const callee = random.pick(registers.filter((register) => register > 5));
    out.push(insn('mov64_imm', callee, 0, 0, MIX_HELPER), insn('callx', callee));
  } else out.push(insn('call_helper', 0, 0, 0, MIX_HELPER));
  for (const register of registers) {
    if (register >= 1 && register <= 5) out.push(insn('mov64_imm', register, 0, 0, random.imm()));
  }
  return out;
}

/** A function of its own frame that uses r6..r9 and mixes its arguments. */
function subprogram(random: Random): Insn[] {
  const out: Insn[] = [];
  const kept = [6, 7, 8, 9].slice(0, random.int(5));
  kept.forEach((register, i) => out.push(insn('mov64_reg', register, 1 + i)));
  out.push(insn('mov64_reg', 0, 1), insn('stxdw', 10, 5, -8 * (1 + random.int(30))));
  if (random.int(2) === 0) {
    out.push(insn('call_helper', 0, 0, 0, MIX_HELPER));
  } else {
    for (let register = 2; register <= 5; register++)
      out.push(insn('mul64_imm', 0, 0, 0, 31), insn('add64_reg', 0, register));
  }
  for (const register of kept) out.push(insn('xor64_reg', 0, register));
  out.push(insn('exit'));
  return out;
}
