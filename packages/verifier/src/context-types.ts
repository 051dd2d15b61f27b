/** Which BTF types stand for the context of a program (kernel: btf_is_prog_ctx_type, btf_validate_prog_ctx_type). */
import { type Btf, type BtfType, typeById } from '@polybpf/btf';
import type { ProgramVariant } from '@polybpf/helpers';
import { reject } from './env.ts';
import { EINVAL } from './reject.ts';

const MODIFIERS: ReadonlySet<string> = new Set(['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG']);
const REGISTERS = 'bpf_user_pt_regs_t';

/** The type behind modifiers, or the typedef of the registers before that; undefined for void. */
function pointeeOf(btf: Btf, id: number, stopsAtRegisters: boolean): BtfType | undefined {
  let type = id === 0 ? undefined : typeById(btf, id);
  while (type !== undefined && MODIFIERS.has(type.kind)) {
    if (stopsAtRegisters && type.kind === 'TYPEDEF' && type.name === REGISTERS) return type;
    const next: number = (type as { type: number }).type;
    type = next === 0 ? undefined : typeById(btf, next);
  }
  return type;
}

/** Whether a pointer to the type is the context of the program type. */
export function isContextType(btf: Btf, id: number, variant: ProgramVariant): boolean {
  const type = pointeeOf(btf, id, variant.type === 'KPROBE');
  if (type?.kind === 'TYPEDEF') return true;
  if (type?.kind !== 'STRUCT') return false;
  const wanted = variant.context.struct;
  if (wanted === null) return false;
  return (
    type.name === wanted ||
    (wanted === '__sk_buff' && type.name === 'sk_buff') ||
    (wanted === 'xdp_md' && type.name === 'xdp_buff')
  );
}

const ANY_POINTER: ReadonlySet<string> = new Set(['TRACEPOINT', 'SYSCALL', 'EXT']);
/** Types whose context is an array of 64-bit numbers. */
const NUMBERS: ReadonlySet<string> = new Set(['RAW_TRACEPOINT', 'RAW_TRACEPOINT_WRITABLE', 'LSM', 'STRUCT_OPS']);
const NUMBERS_OF_TRACING: ReadonlySet<string> = new Set([
  'BPF_TRACE_RAW_TP',
  'BPF_TRACE_FENTRY',
  'BPF_TRACE_FEXIT',
  'BPF_MODIFY_RETURN',
]);

/** An argument with the tag `ctx` is of a type that stands for the context. Throws `Reject`. */
export function checkContextTag(btf: Btf, id: number, variant: ProgramVariant, i: number): void {
  const program = variant.type;
  const attach = variant.attachType ?? '';
  const hasRegisters = program === 'KPROBE' || program === 'PERF_EVENT';
  const type = pointeeOf(btf, id, hasRegisters);
  if (type === undefined || type.kind === 'VOID' || type.kind === 'TYPEDEF') return;
  if (type.name === '') reject(EINVAL, `arg#${i} type doesn't have a name`);
  const isStruct = type.kind === 'STRUCT';
  if (hasRegisters && isStruct && type.name === 'pt_regs') return;
  const takesNumbers = NUMBERS.has(program) || (program === 'TRACING' && NUMBERS_OF_TRACING.has(attach));
  if (takesNumbers && type.kind === 'INT' && type.size === 8) return;
  if (program === 'TRACING' && isStruct) {
    if (attach === 'BPF_TRACE_RAW_TP' && type.name === 'bpf_raw_tracepoint_args') return;
    if (attach === 'BPF_TRACE_ITER' && type.name.startsWith('bpf_iter__')) return;
  }
  if (ANY_POINTER.has(program)) return;
  const wanted = program === 'TRACING' || program === 'LSM' || program === 'STRUCT_OPS' ? null : variant.context.struct;
  if (wanted === null) reject(EINVAL, `arg#${i} should be void pointer`);
  if (!isStruct || type.name !== wanted) reject(EINVAL, `arg#${i} should be \`struct ${wanted} *\``);
}
