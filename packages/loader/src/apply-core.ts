/**
 * Applies CO-RE relocations: puts what a field, type or enumerator is on one kernel into the instructions of a program
 * (libbpf src/relo_core.c, bpf_core_patch_insn).
 */
import type { BtfCoreRelocation, CoreRelocator, CoreResolution } from '@polybpf/btf';
import { BpfError, type ErrorPlace, isBpfError } from '@polybpf/errors';
import { constants as c, type Insn, makeInsn, rowOf } from '@polybpf/isa';

/** A CO-RE relocation that was applied. */
export interface AppliedCoreRelocation {
  readonly insn: number;
  readonly kind: CoreResolution['kind'];
  /** `poisoned`: the instruction cannot work on this kernel and became a call of {@link BAD_RELOCATION}. */
  readonly outcome: 'patched' | 'poisoned';
  /** What changed, for `patched`. */
  readonly field: 'imm' | 'offset' | 'imm64' | undefined;
  readonly before: bigint;
  readonly after: bigint;
  /** Bytes that a load or store takes, where they changed. */
  readonly width: { readonly before: number; readonly after: number } | undefined;
  /** The place in the types of the program and in those of the kernel, e.g. `[7] struct a.b (0:1 @ offset 4)`. */
  readonly local: string;
  readonly target: string | undefined;
}

/** Id of the helper that poisoned instructions call, 0xbad2310 ("bad relo"); the verifier refuses to reach it. */
export const BAD_RELOCATION = 195896080;

type Relocation = Omit<BtfCoreRelocation, 'insnOffset'> & { readonly insn: number };

/**
 * Applies all relocations of a program.
 *
 * @returns the instructions, and what became of each relocation
 * @throws BpfError E_LOAD_RELOCATION, E_UNSUPPORTED, E_BTF_TYPE; `at` says which instruction
 */
export function applyCoreRelocations(
  insns: readonly Insn[],
  relocations: readonly Relocation[],
  relocator: CoreRelocator,
  place: ErrorPlace,
): { readonly insns: readonly Insn[]; readonly applied: readonly AppliedCoreRelocation[] } {
  if (relocations.length === 0) return { insns, applied: [] };
  const patched = [...insns];
  const applied = relocations.map((relocation) => {
    const at = { ...place, insn: relocation.insn };
    return patchInsn(patched, relocation.insn, resolve(relocator, relocation, at), at);
  });
  return { insns: patched, applied };
}

function resolve(relocator: CoreRelocator, relocation: Relocation, at: ErrorPlace): CoreResolution {
  try {
    return relocator.resolve(relocation);
  } catch (error) {
    throw isBpfError(error) ? placed(error, at) : error;
  }
}

/** The same error with the instruction that it is about. */
function placed(error: BpfError, at: ErrorPlace): BpfError {
  const { code, message, expected, got } = error;
  const suffix = `${expected === undefined ? '' : `, expected ${expected}`}${got === undefined ? '' : `, got ${got}`}`;
  return new BpfError(code, message.slice(0, message.length - suffix.length), {
    at: { ...error.at, ...at },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
    cause: error,
  });
}

function patchInsn(insns: Insn[], index: number, resolution: CoreResolution, at: ErrorPlace): AppliedCoreRelocation {
  const { kind, local, target, outcome, value } = resolution;
  const insn = insns[index];
  if (insn === undefined) throw new BpfError('E_LOAD_RELOCATION', 'CO-RE relocation outside of the program', { at });
  const result = { insn: index, kind, local, target, width: undefined };
  if (outcome === 'missing') return { ...result, ...poison(insns, index) };
  switch (insn.opcode & 0x07) {
    case c.BPF_ALU:
    case c.BPF_ALU64: {
      if ((insn.opcode & c.BPF_X) !== 0) throw unexpected(at, 'an instruction with an immediate', insn);
      validate(resolution, BigInt.asUintN(64, BigInt(insn.imm)), at);
      const imm = Number(BigInt.asIntN(32, value));
      insns[index] = makeInsn(insn.opcode, insn.dst_reg, insn.src_reg, insn.offset, imm);
      return { ...result, outcome: 'patched', field: 'imm', before: BigInt(insn.imm), after: BigInt(imm) };
    }
    case c.BPF_LDX:
    case c.BPF_ST:
    case c.BPF_STX:
      return { ...result, ...patchAccess(insns, index, resolution, at) };
    case c.BPF_LD: {
      const high = insns[index + 1];
      if (rowOf(insn)?.slots !== 2 || insn.src_reg !== 0 || insn.offset !== 0 || !isSecondSlot(high)) {
        throw unexpected(at, 'a plain ld_imm64', insn);
      }
      const before = (BigInt(high.imm >>> 0) << 32n) | BigInt(insn.imm >>> 0);
      validate(resolution, before, at);
      insns[index] = makeInsn(insn.opcode, insn.dst_reg, 0, 0, Number(BigInt.asIntN(32, value)));
      insns[index + 1] = makeInsn(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n)));
      return { ...result, outcome: 'patched', field: 'imm64', before, after: value };
    }
    default:
      throw unexpected(at, 'an instruction that can hold a value', insn);
  }
}

type Change = Pick<AppliedCoreRelocation, 'outcome' | 'field' | 'before' | 'after' | 'width'>;

function patchAccess(insns: Insn[], index: number, resolution: CoreResolution, at: ErrorPlace): Change {
  const insn = insns[index]!;
  const { value, originalSize, size } = resolution;
  validate(resolution, BigInt.asUintN(64, BigInt(insn.offset)), at);
  if (value > 0x7fffn) {
    throw new BpfError('E_LOAD_RELOCATION', 'the field is too far away for a load or store', {
      at,
      expected: 'an offset of at most 32767',
      got: String(value),
    });
  }
  if (resolution.unsafeResize) return poison(insns, index);
  const offset = Number(value);
  const before = BigInt(insn.offset);
  let { opcode } = insn;
  let width: AppliedCoreRelocation['width'];
  if (originalSize !== size) {
    if (WIDTHS[(opcode & 0x18) >> 3] !== originalSize) {
      throw unexpected(at, `a load or store of ${originalSize} bytes`, insn);
    }
    const bits = WIDTHS.indexOf(size);
    if (bits < 0) {
      throw new BpfError('E_LOAD_RELOCATION', 'no load or store is as wide as the field', {
        at,
        expected: '1, 2, 4 or 8 bytes',
        got: String(size),
      });
    }
    opcode = (opcode & ~0x18) | (bits << 3);
    width = { before: originalSize, after: size };
  }
  insns[index] = makeInsn(opcode, insn.dst_reg, insn.src_reg, offset, insn.imm);
  return { outcome: 'patched', field: 'offset', before, after: value, width };
}

/** Bytes by the size bits of an opcode: W, H, B, DW. */
const WIDTHS: readonly number[] = [4, 2, 1, 8];

/** Both slots of a ld_imm64 are poisoned, so that the verifier does not stumble over the second one. */
function poison(insns: Insn[], index: number): Change {
  const marker = makeInsn(c.BPF_JMP | c.BPF_CALL, 0, 0, 0, BAD_RELOCATION);
  if (rowOf(insns[index]!)?.slots === 2 && index + 1 < insns.length) insns[index + 1] = marker;
  insns[index] = marker;
  return { outcome: 'poisoned', field: undefined, before: 0n, after: 0n, width: undefined };
}

function isSecondSlot(insn: Insn | undefined): insn is Insn {
  return insn !== undefined && insn.opcode === 0 && insn.dst_reg === 0 && insn.src_reg === 0 && insn.offset === 0;
}

/** The instruction must hold what the compiler knew; else record and code do not belong together. */
function validate({ validate: isCertain, original }: CoreResolution, got: bigint, at: ErrorPlace): void {
  if (!isCertain || got === original) return;
  throw new BpfError('E_LOAD_RELOCATION', 'the instruction does not hold the value of its CO-RE relocation', {
    at,
    expected: String(original),
    got: String(got),
  });
}

function unexpected(at: ErrorPlace, expected: string, insn: Insn): BpfError {
  return new BpfError('E_LOAD_RELOCATION', 'CO-RE relocation does not fit its instruction', {
    at,
    expected,
    got: rowOf(insn)?.name ?? `opcode 0x${insn.opcode.toString(16)}`,
  });
}
