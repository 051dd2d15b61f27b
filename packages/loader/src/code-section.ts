/**
 * One section of code with its references resolved as far as they do not depend on the program that the code will be
 * part of: maps and data become `BPF_PSEUDO_MAP_IDX(_VALUE)` with the index of the map, what is undefined becomes
 * symbolic, and calls and function addresses are noted for the assembly of programs.
 */
import { R_BPF, type ElfRelocation, type ElfSection, type ElfSymbol } from '@polybpf/elf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import {
  constants,
  decodeInsns,
  INSN_SIZE,
  jumpTarget,
  makeInsn,
  rowOf,
  type Insn,
  type InsnRow,
  type ProgramRelocation,
} from '@polybpf/isa';
import { addendOf, includesSymbol, relocationsIn } from './addend.ts';
import { resolveSymbol, type LinkContext, type SymbolTarget } from './symbol-targets.ts';

const { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_KFUNC_CALL, BPF_PSEUDO_MAP_IDX, BPF_PSEUDO_MAP_IDX_VALUE } =
  constants;

/** A call of, or the address of, code of the object. */
export interface CodeReference {
  readonly section: number;
  readonly slot: number;
}

/** A section of code. */
export interface CodeSection {
  readonly section: ElfSection;
  /** All slots of the section, references to maps, data and undefined symbols already in place. */
  readonly insns: readonly Insn[];
  /** Calls and function addresses by slot. */
  readonly codeReferences: ReadonlyMap<number, CodeReference>;
  /** What the other references name, by slot; `insn` is the slot in the section. */
  readonly relocations: ReadonlyMap<number, ProgramRelocation>;
  /** Map that the instruction refers to, by slot. */
  readonly mapOf: ReadonlyMap<number, number>;
}

interface Draft {
  readonly section: ElfSection;
  readonly insns: Insn[];
  readonly codeReferences: Map<number, CodeReference>;
  readonly relocations: Map<number, ProgramRelocation>;
  readonly mapOf: Map<number, number>;
}

/**
 * Reads a section of code and applies its relocations.
 *
 * @param gnu addends are those of old GNU tools, see addend.ts
 * @throws BpfError E_LOAD_RELOCATION, E_UNSUPPORTED for a relocation type that is not for instructions
 */
export function readCodeSection(link: LinkContext, section: ElfSection, gnu: boolean): CodeSection {
  const insns = decodeInsns(section.data, link.cx.elf.endian).map(modernCallx);
  const draft: Draft = { section, insns, codeReferences: new Map(), relocations: new Map(), mapOf: new Map() };
  for (const { entry, symbol } of relocationsIn(link.cx, section.index)) {
    if (entry.type !== R_BPF.R_BPF_NONE && symbol !== undefined) applyRelocation(link, draft, entry, symbol, gnu);
  }
  noteLocalReferences(draft);
  return draft;
}

const CALL_OPCODE = constants.BPF_JMP | constants.BPF_CALL;
const CALLX_OPCODE = CALL_OPCODE | constants.BPF_X;

/** LLVM before 19 put the register of a callx into `imm`, all others and our instruction table into `dst_reg`. */
function modernCallx(insn: Insn): Insn {
  const isOld = insn.opcode === CALLX_OPCODE && insn.dst_reg === 0 && insn.imm > 0 && insn.imm <= constants.BPF_REG_10;
  return isOld ? makeInsn(CALLX_OPCODE, insn.imm, insn.src_reg, insn.offset, 0) : insn;
}

function applyRelocation(link: LinkContext, draft: Draft, entry: ElfRelocation, symbol: ElfSymbol, gnu: boolean): void {
  const { section, insns } = draft;
  const slot = entry.offset / INSN_SIZE;
  const at: ErrorPlace = { section: section.name, offset: entry.offset };
  const insn = insns[slot];
  if (insn === undefined) {
    throw new BpfError('E_LOAD_RELOCATION', 'relocation is not at an instruction', {
      at,
      expected: `a multiple of 8 below ${section.size}`,
    });
  }
  const row = rowOf(insn);
  switch (entry.type) {
    case R_BPF.R_BPF_64_64: {
      if (!isImm64(row) || insns[slot + 1] === undefined) throw wrongInsn(at, 'ld_imm64', insn);
      const target = resolveSymbol(link, symbol, addendOf(entry, symbol, insn.imm, gnu), at);
      return placeAddress(draft, slot, target, at);
    }
    case R_BPF.R_BPF_64_32: {
      if (insn.opcode !== CALL_OPCODE) throw wrongInsn(at, 'call', insn);
      const target = resolveSymbol(link, symbol, callAddend(entry, symbol, insn.imm, gnu), at);
      return placeCall(draft, slot, target, at);
    }
    default:
      throw new BpfError('E_UNSUPPORTED', `relocation type ${entry.type} of an instruction`, { at });
  }
}

function isImm64(row: InsnRow | undefined): boolean {
  return row?.slots === 2;
}

/** R_BPF_64_32 is `(S + A) / 8 - 1` (llvm_reloc.rst): the field counts slots from the next instruction. */
function callAddend(entry: ElfRelocation, symbol: ElfSymbol, imm: number, gnu: boolean): number {
  if (entry.addend !== undefined) return entry.addend;
  // GNU calls of named functions hold S - 1 in bytes; no compiler calls anything but the start.
  if (includesSymbol(symbol, gnu)) return 0;
  return (imm + 1) * INSN_SIZE;
}

/** Makes a ld_imm64 load the address of `target`. */
function placeAddress(draft: Draft, slot: number, target: SymbolTarget, at: ErrorPlace): void {
  const { insns, relocations, codeReferences, mapOf } = draft;
  const { opcode, dst_reg } = insns[slot]!;
  const place = (src_reg: number, imm: number, high: number): void => {
    insns[slot] = makeInsn(opcode, dst_reg, src_reg, 0, imm);
    insns[slot + 1] = makeInsn(0, 0, 0, 0, high);
  };
  switch (target.kind) {
    case 'map':
      place(BPF_PSEUDO_MAP_IDX, target.map, 0);
      mapOf.set(slot, target.map);
      relocations.set(slot, { insn: slot, kind: 'map', symbol: target.symbol, addend: 0 });
      return;
    case 'data':
      if ((target.offset | 0) !== target.offset) {
        throw new BpfError('E_LOAD_RELOCATION', 'offset in data does not fit', { at, got: String(target.offset) });
      }
      place(BPF_PSEUDO_MAP_IDX_VALUE, target.map, target.offset);
      mapOf.set(slot, target.map);
      relocations.set(slot, { insn: slot, kind: 'data', symbol: target.symbol, addend: target.addend });
      return;
    case 'code':
      place(BPF_PSEUDO_FUNC, -1, 0);
      codeReferences.set(slot, { section: target.section, slot: target.slot });
      return;
    case 'constant':
      place(0, Number(BigInt.asIntN(32, BigInt(target.value))), Number(BigInt(target.value) >> 32n));
      return;
    case 'undefined': {
      const kind = target.isFunction ? 'subprogram' : 'extern';
      if (kind === 'subprogram') place(BPF_PSEUDO_FUNC, -1, 0);
      else place(0, -1, 0);
      const { symbol, addend, weak } = target;
      relocations.set(slot, { insn: slot, kind, symbol, addend, ...(weak ? { weak } : {}) });
    }
  }
}

/** Makes a call go to `target`. */
function placeCall(draft: Draft, slot: number, target: SymbolTarget, at: ErrorPlace): void {
  const { insns, relocations, codeReferences } = draft;
  const place = (src_reg: number): void => {
    insns[slot] = makeInsn(CALL_OPCODE, 0, src_reg, 0, -1);
  };
  switch (target.kind) {
    case 'code':
      place(BPF_PSEUDO_CALL);
      codeReferences.set(slot, { section: target.section, slot: target.slot });
      return;
    case 'undefined':
      place(BPF_PSEUDO_KFUNC_CALL);
      relocations.set(slot, {
        insn: slot,
        kind: 'kfunc',
        symbol: target.symbol,
        addend: 0,
        ...(target.weak ? { weak: true } : {}),
      });
      return;
    default:
      throw new BpfError('E_LOAD_RELOCATION', 'call of what is not code', { at, got: target.kind });
  }
}

/** Calls and function addresses within the section that the compiler resolved by itself. */
function noteLocalReferences({ section, insns, codeReferences, relocations }: Draft): void {
  for (let slot = 0; slot < insns.length; slot++) {
    const insn = insns[slot]!;
    const row = rowOf(insn);
    if (row === undefined) continue;
    if (row.immUse === 'subprogram' && !codeReferences.has(slot) && !relocations.has(slot)) {
      const target = jumpTarget(row, insn, slot)!;
      if (target < 0 || target >= insns.length) {
        throw new BpfError('E_LOAD_RELOCATION', `${row.name} leaves its section and has no relocation`, {
          at: { section: section.name, insn: slot },
          expected: `insn 0 to ${insns.length - 1}`,
          got: `insn ${target}`,
        });
      }
      codeReferences.set(slot, { section: section.index, slot: target });
    }
    if (row.slots === 2) slot++;
  }
}

function wrongInsn(at: ErrorPlace, expected: string, insn: Insn): BpfError {
  return new BpfError('E_LOAD_RELOCATION', 'relocation does not fit its instruction', {
    at,
    expected,
    got: rowOf(insn)?.name ?? `opcode 0x${insn.opcode.toString(16)}`,
  });
}
