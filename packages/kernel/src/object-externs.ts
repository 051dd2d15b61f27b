/** What an object takes from the kernel: functions, variables, configuration, and the places its programs are for. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { type Btf, resolveType, typeById } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import { constants as c, type Insn, type MapDef, type Program } from '@polybpf/isa';
import { readKernelConfig } from './host.ts';
import { readVmlinuxBtf } from './load-btf.ts';
import { vmlinuxId } from './vmlinux-names.ts';

/** A variable of `.kconfig`. */
export interface KconfigPlace {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly weak: boolean;
  readonly btfTypeId: number;
}

/** As libbpf marks calls of weak functions that the kernel does not have, so that its log stays recognisable. */
const POISON_CALL_KFUNC = 2002000000;

/**
 * The instructions with references to kernel functions and variables filled in.
 *
 * @throws BpfError `E_RUN_SYMBOL` for one that the kernel does not have and that is not weak
 */
export function resolveExterns(program: Program, btf: Btf | undefined): readonly Insn[] {
  const open = program.relocations.filter(({ kind }) => kind === 'kfunc' || kind === 'extern' || kind === 'subprogram');
  if (open.length === 0) return program.insns;
  const insns = [...program.insns];
  for (const [k, { insn: at, kind, symbol, weak = false, addend }] of open.entries()) {
    const insn = insns[at]!;
    const name = symbol.replace(/___.*$/, '');
    if (insn.opcode === (c.BPF_JMP | c.BPF_CALL)) {
      const id = vmlinuxId('FUNC', name);
      if (id === undefined && !weak) throw missing(program, at, 'function', symbol);
      insns[at] =
        id === undefined
          ? { ...insn, src_reg: 0, offset: 0, imm: POISON_CALL_KFUNC + k }
          : { ...insn, src_reg: c.BPF_PSEUDO_KFUNC_CALL, offset: 0, imm: id };
      continue;
    }
    const typed = kind === 'subprogram' || isTyped(btf, symbol);
    const id = typed ? (vmlinuxId('VAR', name) ?? vmlinuxId('FUNC', name)) : undefined;
    const address = typed ? undefined : addressOf(name);
    if (id === undefined && address === undefined && !weak) throw missing(program, at, 'symbol', symbol);
    if (id !== undefined) {
      insns[at] = { ...insn, src_reg: c.BPF_PSEUDO_BTF_ID, imm: id };
      insns[at + 1] = { ...insns[at + 1]!, imm: 0 };
    } else {
      const value = address === undefined ? 0n : address + BigInt(addend);
      insns[at] = { ...insn, src_reg: 0, imm: Number(BigInt.asIntN(32, value)) };
      insns[at + 1] = { ...insns[at + 1]!, imm: Number(BigInt.asIntN(32, value >> 32n)) };
    }
  }
  return insns;
}

function missing(program: Program, insn: number, what: string, symbol: string): BpfError {
  return new BpfError('E_RUN_SYMBOL', `the kernel has no ${what} ${symbol}`, { at: { symbol: program.name, insn } });
}

/** `extern const void x __ksym` is an address, anything else a variable with a type. */
function isTyped(btf: Btf | undefined, symbol: string): boolean {
  const found = btf?.types.find((type) => (type.kind === 'VAR' || type.kind === 'FUNC') && type.name === symbol);
  if (found === undefined || btf === undefined) return false;
  return found.kind === 'FUNC' || (found.kind === 'VAR' && resolveType(btf, found.type).kind !== 'VOID');
}

let symbols: string | undefined;

/** Address by /proc/kallsyms; undefined when it is not there or hidden. */
function addressOf(name: string): bigint | undefined {
  symbols ??= readFileSync('/proc/kallsyms', 'utf8');
  const found = new RegExp(`^([0-9a-f]+) \\w ${name.replace(/[^\w.]/g, '\\$&')}$`, 'm').exec(symbols);
  const address = found === null ? 0n : BigInt(`0x${found[1]!}`);
  return address === 0n ? undefined : address;
}

/** Where a program belongs in the kernel. It is only told to the verifier, nothing is attached. */
export interface AttachPoint {
  readonly attachBtfId?: number;
  readonly attachType?: number;
}

/**
 * The BTF id of what a tracing, LSM, iterator or struct_ops program is for (libbpf: find_kernel_btf_id).
 *
 * @throws BpfError `E_RUN_SYMBOL` when the kernel does not have it, `E_UNSUPPORTED` for `ext` programs, whose target is
 *   another program
 */
export function attachPoint(program: Program, maps: readonly MapDef[], btf: Btf | undefined): AttachPoint {
  switch (program.type) {
    case 'tracing':
    case 'lsm':
      return { attachBtfId: hookId(program) };
    case 'struct_ops':
      return structOpsMember(program, maps, btf);
    case 'ext':
      throw new BpfError('E_UNSUPPORTED', 'loading an ext program, which replaces a function of another program', {
        at: { symbol: program.name },
      });
    default:
      return {};
  }
}

const HOOK_PREFIXES: Readonly<Record<string, string>> = {
  BPF_TRACE_RAW_TP: 'btf_trace_',
  BPF_LSM_MAC: 'bpf_lsm_',
  BPF_LSM_CGROUP: 'bpf_lsm_',
  BPF_TRACE_ITER: 'bpf_iter_',
};

function hookId(program: Program): number {
  const { attachType = '', attachTo } = program;
  if (attachTo === undefined) {
    throw new BpfError('E_RUN_SYMBOL', 'the section name does not say what the program is for', {
      at: { symbol: program.name, section: program.section ?? '' },
      expected: 'a name like fentry/FUNCTION',
    });
  }
  // `module:function` names the module as well; only the kernel proper is looked at.
  const name = `${HOOK_PREFIXES[attachType] ?? ''}${attachTo.replace(/^[^:]*:/, '')}`;
  const id = vmlinuxId(attachType === 'BPF_TRACE_RAW_TP' ? 'TYPEDEF' : 'FUNC', name);
  if (id === undefined)
    throw missing(program, 0, attachType === 'BPF_TRACE_RAW_TP' ? 'tracepoint' : 'function', attachTo);
  return id;
}

/** Finds the struct_ops variable that holds the program, and the member in the kernel's struct of that name. */
function structOpsMember(program: Program, maps: readonly MapDef[], btf: Btf | undefined): AttachPoint {
  for (const map of maps) {
    const place = map.initialSymbols?.find(({ kind, symbol }) => kind === 'program' && symbol === program.name);
    if (place === undefined || map.btfValueTypeId === undefined || btf === undefined) continue;
    const local = resolveType(btf, map.btfValueTypeId);
    if (local.kind !== 'STRUCT') continue;
    const member = local.members.find(({ bitOffset }) => bitOffset === 8 * place.offset);
    const name = local.name.replace(/___.*$/, '');
    const id = vmlinuxId('STRUCT', name);
    if (id === undefined || member === undefined) throw missing(program, 0, 'struct', name);
    const kernelStruct = typeById(readVmlinuxBtf(), id);
    const index = kernelStruct.kind === 'STRUCT' ? kernelStruct.members.findIndex((m) => m.name === member.name) : -1;
    if (index < 0) throw missing(program, 0, 'member', `${name}.${member.name}`);
    return { attachBtfId: id, attachType: index };
  }
  throw new BpfError('E_RUN_SYMBOL', 'no struct_ops variable holds the program', { at: { symbol: program.name } });
}

/**
 * Contents of `.kconfig`: the kernel's version and configuration, as libbpf fills them in
 * (bpf_object__read_kconfig_file, set_kcfg_value_*).
 *
 * @throws BpfError `E_RUN_SYMBOL` for a name that is not there and not weak, or a value that does not fit
 */
export function kconfigContents(size: number, variables: readonly KconfigPlace[], btf: Btf | undefined): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const variable of variables) {
    const value = valueOf(variable, btf);
    if (value === undefined) {
      if (variable.weak) continue;
      throw new BpfError('E_RUN_SYMBOL', `the kernel's configuration has no ${variable.name}`);
    }
    if (typeof value === 'string')
      bytes.set(Buffer.from(value, 'utf8').subarray(0, variable.size - 1), variable.offset);
    else writeNumber(view, variable, value);
  }
  return bytes;
}

function valueOf(variable: KconfigPlace, btf: Btf | undefined): bigint | string | undefined {
  if (variable.name === 'LINUX_KERNEL_VERSION') return versionCode(release());
  // What libbpf finds out by trying: bpf_get_attach_cookie and the syscall wrappers of this kernel.
  if (variable.name === 'LINUX_HAS_BPF_COOKIE') return 1n;
  if (variable.name === 'LINUX_HAS_SYSCALL_WRAPPER') return vmlinuxId('FUNC', '__x64_sys_bpf') ?? vmlinuxId('FUNC', '__arm64_sys_bpf') ? 1n : 0n; // prettier-ignore
  const text = readKernelConfig()?.get(variable.name);
  if (text === undefined) return undefined;
  if (text.startsWith('"')) return text.slice(1, -1);
  if (/^[ymn]$/.test(text)) return tristate(text, variable, btf);
  const number = /^-?(0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text.replace('-', '')) : undefined;
  return number !== undefined && text.startsWith('-') ? -number : number;
}

/** A bool or a char holds a letter's meaning, `enum libbpf_tristate` its number. */
function tristate(letter: string, variable: KconfigPlace, btf: Btf | undefined): bigint {
  const type = btf === undefined ? undefined : resolveType(btf, variable.btfTypeId);
  const isChar = type?.kind === 'INT' && type.size === 1 && (type.encoding & 4) === 0;
  if (isChar) return BigInt(letter.charCodeAt(0));
  const isEnum = type?.kind === 'ENUM';
  return letter === 'y' ? 1n : letter === 'm' && isEnum ? 2n : letter === 'm' ? 1n : 0n;
}

function writeNumber(view: DataView, { offset, size, name }: KconfigPlace, value: bigint): void {
  const fits = BigInt.asUintN(8 * size, value) === value || BigInt.asIntN(8 * size, value) === value;
  if (!fits) throw new BpfError('E_RUN_SYMBOL', `the value of ${name} does not fit ${size} bytes`);
  for (let i = 0; i < size; i++) view.setUint8(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

/** `KERNEL_VERSION(a, b, c)` of a release like `6.18.44-generic`; the last part has one byte. */
export function versionCode(text: string): bigint {
  const [a = 0, b = 0, patch = 0] = (/^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)?.slice(1) ?? []).map((part) => Number(part ?? 0)); // prettier-ignore
  return BigInt(a * 65536 + b * 256 + Math.min(patch, 255));
}
