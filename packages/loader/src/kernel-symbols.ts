/**
 * References to the kernel (`.ksyms`): variables and functions with a type, by their BTF id, and addresses of untyped
 * symbols (libbpf, bpf_object__resolve_ksyms_btf_id and bpf_object__read_kallsyms_file).
 */
import { type Btf, essentialName, resolveType, typesAreCompatible, typesByEssentialName } from '@polybpf/btf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import { constants as c, type Insn, makeInsn, type ProgramRelocation } from '@polybpf/isa';

/** A reference to the kernel that was filled in. */
export interface KernelSymbol {
  readonly insn: number;
  readonly symbol: string;
  readonly kind: 'function' | 'variable' | 'address';
  /** Id in the target BTF; 0 for an address, and for a weak symbol that the kernel does not have. */
  readonly btfId: number;
}

/** What the kernel is. */
export interface KernelTypes {
  readonly local: Btf | undefined;
  readonly targets: readonly Btf[];
  /** Addresses of symbols, as in /proc/kallsyms. */
  readonly addresses: ReadonlyMap<string, bigint>;
}

/** As libbpf marks calls of weak functions that the kernel does not have: not to be reached. */
const MISSING_KFUNC = 2002000000;

/**
 * Fills in the references that the kernel has. Those of untyped symbols stay symbolic where no address is known.
 *
 * @returns instructions, what was filled in, and the relocations that are left
 * @throws BpfError E_LOAD_RELOCATION for a typed symbol that the kernel does not have, or has with another type
 */
export function resolveKernelSymbols(
  insns: readonly Insn[],
  relocations: readonly ProgramRelocation[],
  kernel: KernelTypes,
  place: ErrorPlace,
): {
  readonly insns: readonly Insn[];
  readonly symbols: readonly KernelSymbol[];
  readonly relocations: readonly ProgramRelocation[];
} {
  const isOpen = ({ kind }: ProgramRelocation): boolean => kind !== 'map' && kind !== 'data';
  if (!relocations.some(isOpen)) return { insns, symbols: [], relocations };
  const patched = [...insns];
  const symbols: KernelSymbol[] = [];
  const left = relocations.filter((relocation) => {
    const found = isOpen(relocation) ? resolveOne(patched, relocation, kernel, place, symbols.length) : undefined;
    if (found !== undefined) symbols.push(found);
    return found === undefined;
  });
  return { insns: patched, symbols, relocations: left };
}

function resolveOne(
  insns: Insn[],
  { insn: at, symbol, weak = false, addend }: ProgramRelocation,
  kernel: KernelTypes,
  place: ErrorPlace,
  count: number,
): KernelSymbol | undefined {
  const insn = insns[at]!;
  const found = findInKernel(symbol, kernel, { ...place, insn: at });
  const isCall = insn.opcode === (c.BPF_JMP | c.BPF_CALL);
  if (found === 'untyped') {
    const address = kernel.addresses.get(symbol);
    if (isCall || (address === undefined && !(weak && kernel.addresses.size > 0))) return undefined;
    placeValue(insns, at, 0, (address ?? 0n) + BigInt(address === undefined ? 0 : addend));
    return { insn: at, symbol, kind: 'address', btfId: 0 };
  }
  if (found === undefined && !weak) {
    throw new BpfError('E_LOAD_RELOCATION', `the kernel has no ${isCall ? 'function' : 'symbol'} ${symbol}`, {
      at: { ...place, insn: at },
    });
  }
  const id = found?.id ?? 0;
  if (isCall) {
    const [src, imm] = id === 0 ? [0, MISSING_KFUNC + count] : [c.BPF_PSEUDO_KFUNC_CALL, id];
    insns[at] = makeInsn(insn.opcode, 0, src, 0, imm);
  } else {
    placeValue(insns, at, id === 0 ? 0 : c.BPF_PSEUDO_BTF_ID, BigInt(id));
  }
  return { insn: at, symbol, kind: found?.kind === 'VAR' ? 'variable' : 'function', btfId: id };
}

function placeValue(insns: Insn[], at: number, source: number, value: bigint): void {
  const { opcode, dst_reg } = insns[at]!;
  insns[at] = makeInsn(opcode, dst_reg, source, 0, Number(BigInt.asIntN(32, value)));
  insns[at + 1] = makeInsn(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n)));
}

interface Found {
  readonly id: number;
  readonly kind: 'VAR' | 'FUNC';
}

/** The kernel's type of that name and kind; undefined when it has none, `untyped` when the program gives no type. */
function findInKernel(symbol: string, { local, targets }: KernelTypes, at: ErrorPlace): Found | 'untyped' | undefined {
  const own = local?.types.find((type) => (type.kind === 'VAR' || type.kind === 'FUNC') && type.name === symbol);
  if (local === undefined || own === undefined || (own.kind !== 'VAR' && own.kind !== 'FUNC')) return 'untyped';
  if (own.kind === 'VAR' && resolveType(local, own.type).kind === 'VOID') return 'untyped';
  const name = essentialName(symbol);
  for (const btf of targets) {
    const type = typesByEssentialName(btf, name).find((other) => other.kind === own.kind && other.name === name);
    if (type === undefined || (type.kind !== 'VAR' && type.kind !== 'FUNC')) continue;
    if (!typesAreCompatible(local, resolveType(local, own.type).id, btf, resolveType(btf, type.type).id)) {
      throw new BpfError('E_LOAD_RELOCATION', `the kernel's ${symbol} has another type`, {
        at,
        expected: `the type of [${own.id}]`,
        got: `that of [${type.id}]`,
      });
    }
    return { id: type.id, kind: own.kind };
  }
  return undefined;
}
