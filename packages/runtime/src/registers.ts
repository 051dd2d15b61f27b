/**
 * `pt_regs` as kprobe and perf_event programs see it (`bpf_user_pt_regs_t`), of each architecture: the order of registers,
 * and which ones hold arguments, result, stack and instruction pointer (`tools/lib/bpf/bpf_tracing.h` names the same).
 */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { fitInteger, writeInteger } from './byte-order.ts';

/** The registers of one architecture. */
export interface RegisterLayout {
  readonly arch: string;
  /** Names in the order of memory. */
  readonly names: readonly string[];
  /** Bytes of one register. */
  readonly width: 4 | 8;
  readonly parameters: readonly string[];
  readonly result: string;
  readonly stackPointer: string;
  readonly instructionPointer: string;
  /** Bytes of the struct. */
  readonly size: number;
}

function numbered(prefix: string, count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, k) => `${prefix}${first + k}`);
}

function defined(
  init: Omit<RegisterLayout, 'size' | 'width'> & { readonly width?: 4 | 8; readonly padding?: number },
): RegisterLayout {
  const { padding = 0, width = 8, ...rest } = init;
  return { ...rest, width, size: rest.names.length * width + padding };
}

/** By name of the architecture, as `polybpf targets` lists them. */
export const REGISTER_LAYOUTS: Readonly<Record<string, RegisterLayout>> = {
  x86_64: /* @__PURE__ */ defined({
    arch: 'x86_64',
    names: ['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi', 'orig_rax', 'rip', 'cs', 'eflags', 'rsp', 'ss'], // prettier-ignore
    parameters: ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'],
    result: 'rax',
    stackPointer: 'rsp',
    instructionPointer: 'rip',
  }),
  arm64: /* @__PURE__ */ defined({
    arch: 'arm64',
    names: [...numbered('x', 31), 'sp', 'pc', 'pstate'],
    parameters: numbered('x', 8),
    result: 'x0',
    stackPointer: 'sp',
    instructionPointer: 'pc',
  }),
  riscv64: /* @__PURE__ */ defined({
    arch: 'riscv64',
    names: ['pc', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', ...numbered('a', 8), ...numbered('s', 10, 2), ...numbered('t', 4, 3)], // prettier-ignore
    parameters: numbered('a', 8),
    result: 'a0',
    stackPointer: 'sp',
    instructionPointer: 'pc',
  }),
  s390x: /* @__PURE__ */ defined({
    arch: 's390x',
    names: ['args', 'psw_mask', 'psw_addr', ...numbered('r', 16)],
    parameters: numbered('r', 5, 2),
    result: 'r2',
    stackPointer: 'r15',
    instructionPointer: 'psw_addr',
  }),
  ppc64: /* @__PURE__ */ defined({
    arch: 'ppc64',
    names: [...numbered('r', 32), 'nip', 'msr', 'orig_gpr3', 'ctr', 'link', 'xer', 'ccr', 'softe', 'trap', 'dar', 'dsisr', 'result'], // prettier-ignore
    parameters: numbered('r', 8, 3),
    result: 'r3',
    stackPointer: 'r1',
    instructionPointer: 'nip',
  }),
  mips64: /* @__PURE__ */ defined({
    arch: 'mips64',
    names: [...numbered('r', 32), 'cp0_status', 'hi', 'lo', 'cp0_badvaddr', 'cp0_cause', 'cp0_epc'],
    parameters: numbered('r', 8, 4),
    result: 'r2',
    stackPointer: 'r29',
    instructionPointer: 'cp0_epc',
  }),
  sparc64: /* @__PURE__ */ defined({
    arch: 'sparc64',
    names: [...numbered('g', 8), ...numbered('o', 8), 'tstate', 'tpc', 'tnpc'],
    parameters: numbered('o', 6),
    result: 'o0',
    stackPointer: 'o6',
    instructionPointer: 'tpc',
    padding: 8,
  }),
  loongarch64: /* @__PURE__ */ defined({
    arch: 'loongarch64',
    names: [...numbered('r', 32), 'orig_a0', 'csr_era', 'csr_badv'],
    parameters: numbered('r', 8, 4),
    result: 'r4',
    stackPointer: 'r3',
    instructionPointer: 'csr_era',
    padding: 80,
  }),
  arm: /* @__PURE__ */ defined({
    arch: 'arm',
    names: [...numbered('r', 13), 'sp', 'lr', 'pc', 'cpsr', 'orig_r0'],
    parameters: numbered('r', 4),
    result: 'r0',
    stackPointer: 'sp',
    instructionPointer: 'pc',
    width: 4,
  }),
};

/** Registers by name; `parm1` to `parm8`, `ret`, `sp` and `ip` stand for the architecture's own. */
export type RegisterValues = Readonly<Record<string, bigint | number>>;

/**
 * The layout of an architecture.
 *
 * @throws BpfError `E_INPUT` for an unknown one
 */
export function registerLayout(arch: string): RegisterLayout {
  const found = Object.hasOwn(REGISTER_LAYOUTS, arch) ? REGISTER_LAYOUTS[arch] : undefined;
  if (found !== undefined) return found;
  // Little-endian variants have the registers of the big-endian ones, and the other way round.
  const base = arch.replace(/(le|el|eb|be)$/, '');
  if (base !== arch && Object.hasOwn(REGISTER_LAYOUTS, base)) return REGISTER_LAYOUTS[base]!;
  throw new BpfError('E_INPUT', 'architecture of registers', { expected: Object.keys(REGISTER_LAYOUTS).join(', '), got: arch }); // prettier-ignore
}

/**
 * `pt_regs` with the given registers, zeros elsewhere.
 *
 * @throws BpfError `E_INPUT` for a register that the architecture has not
 */
export function encodeRegisters(arch: string, values: RegisterValues, endian: Endian): Uint8Array {
  const layout = registerLayout(arch);
  const bytes = new Uint8Array(layout.size);
  for (const [name, value] of Object.entries(values)) {
    const at = layout.names.indexOf(realName(layout, name));
    if (at < 0) {
      throw new BpfError('E_INPUT', `register of ${layout.arch}`, {
        expected: `parm1 to parm${layout.parameters.length}, ret, sp, ip, ${layout.names.join(', ')}`,
        got: name,
      });
    }
    const fit = fitInteger(value, layout.width, `register ${name} of ${layout.arch}`);
    writeInteger(bytes, at * layout.width, layout.width, fit, endian);
  }
  return bytes;
}

function realName(layout: RegisterLayout, name: string): string {
  if (layout.names.includes(name)) return name;
  if (name === 'ret') return layout.result;
  if (name === 'sp') return layout.stackPointer;
  if (name === 'ip') return layout.instructionPointer;
  const number = /^parm([1-8])$/.exec(name)?.[1];
  return number === undefined ? name : (layout.parameters[Number(number) - 1] ?? name);
}
