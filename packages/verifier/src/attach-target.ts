/** What programs of tracing and LSM are for, and what their context holds (kernel: bpf_check_attach_target, btf_ctx_access). */
import { type Btf, type BtfFuncProto, type BtfType, typeById } from '@polybpf/btf';
import { type Env, notModelled, reject } from './env.ts';
import { ITERATOR_ARGUMENTS } from './iterator-arguments.ts';
import { isStruct, resolved, tagFlag } from './kernel-types.ts';
import { DISABLED_HOOKS, UNTRUSTED_HOOKS } from './lsm-hooks.ts';
import { NULL_ARGUMENTS } from './null-arguments.ts';
import { EINVAL } from './reject.ts';
import { baseType, PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TO_BUF, PTR_TRUSTED, SCALAR_VALUE } from './register-types.ts';

/** A function, tracepoint or hook of the kernel. */
export interface AttachTarget {
  /** Id in the kernel's BTF. */
  readonly id: number;
  /** As messages have it. */
  readonly name: string;
  readonly proto: BtfFuncProto;
  /** A tracepoint: the first argument is not passed on. */
  readonly isTracepoint: boolean;
  /** Struct of functions that the program is a member of. */
  readonly struct?: string;
}

/** What a load from the context gives. */
export interface ContextValue {
  readonly type: number;
  /** BTF type of what a pointer points to. */
  readonly id: number;
  /** What the function returned, for LSM. */
  readonly isResult: boolean;
}

const TRACE_PREFIX = 'btf_trace_';
const MAX_ARGUMENTS = 12;

/** Names of a target in BTF, by attach type (libbpf: find_kernel_btf_id). */
const PREFIXES: Readonly<Record<string, string>> = {
  BPF_TRACE_RAW_TP: TRACE_PREFIX,
  BPF_LSM_MAC: 'bpf_lsm_',
  BPF_LSM_CGROUP: 'bpf_lsm_',
  BPF_TRACE_ITER: 'bpf_iter_',
};

const TRACING_ATTACH: ReadonlySet<string> = new Set([
  'BPF_TRACE_RAW_TP',
  'BPF_TRACE_ITER',
  'BPF_TRACE_FENTRY',
  'BPF_TRACE_FEXIT',
  'BPF_MODIFY_RETURN',
]);

/** Finds and checks the target (kernel: bpf_check_attach_target, check_attach_btf_id). Throws `Reject`. */
export function attachTarget(env: Env, name: string | undefined): AttachTarget {
  const { type, attachType } = env.variant;
  if (name === undefined) return reject(EINVAL, 'Tracing programs must provide btf_id');
  if (type === 'TRACING' && !TRACING_ATTACH.has(attachType ?? '')) return reject(EINVAL, '');
  const types = env.kernel ?? notModelled('types of the kernel, which were not given');
  const isTracepoint = attachType === 'BPF_TRACE_RAW_TP';
  const full = (PREFIXES[attachType ?? ''] ?? '') + name;
  const found = types.find(isTracepoint ? 'TYPEDEF' : 'FUNC', full);
  if (found === undefined) return notModelled(`attach target ${full}, which the kernel's BTF does not have`);
  const proto = protoOf(types.btf, found, isTracepoint);
  if (!isTracepoint) checkPrototype(types.btf, full, proto);
  const target = { id: found.id, name: isTracepoint ? name : full, proto, isTracepoint };
  if (type === 'LSM') checkHook(env, name, target);
  else if (!isTracepoint && attachType !== 'BPF_TRACE_ITER') checkFunction(env, full);
  return target;
}

function protoOf(btf: Btf, found: BtfType, isTracepoint: boolean): BtfFuncProto {
  let type: BtfType | undefined = found;
  if (isTracepoint && found.kind === 'TYPEDEF') {
    type = typeById(btf, found.type);
    if (type.kind !== 'PTR') return reject(EINVAL, '');
  }
  if (type.kind === 'PTR' || type.kind === 'FUNC') type = typeById(btf, type.type);
  return type.kind === 'FUNC_PROTO' ? type : reject(EINVAL, '');
}

/** Bytes of an argument or result; undefined for what has none (kernel: __get_type_size). */
function sizeOfValue(type: BtfType | undefined): number | undefined {
  if (type === undefined) return 0;
  if (type.kind === 'PTR') return 8;
  return type.kind === 'INT' || isEnum(type) || isStruct(type) ? (type as { size: number }).size : undefined;
}

function isEnum(type: BtfType): boolean {
  return type.kind === 'ENUM' || type.kind === 'ENUM64';
}

function kindOf(type: BtfType | undefined): string {
  return type === undefined ? 'UNKNOWN' : type.kind;
}

/** The function is one that can be called with its arguments in registers (kernel: btf_distill_func_proto). Throws `Reject`. */
export function checkPrototype(btf: Btf, name: string, proto: BtfFuncProto): void {
  const { params } = proto;
  if (params.length > MAX_ARGUMENTS) reject(EINVAL, `The function ${name} has ${params.length} arguments. Too many.`);
  const result = resolved(btf, proto.returnType);
  if (sizeOfValue(result) === undefined || (result !== undefined && isStruct(result))) {
    reject(EINVAL, `The function ${name} return type ${kindOf(result)} is unsupported.`);
  }
  params.forEach((param, i) => {
    if (i === params.length - 1 && param.type === 0) {
      reject(EINVAL, `The function ${name} with variable args is unsupported.`);
    }
    const type = resolved(btf, param.type);
    const size = sizeOfValue(type);
    if (size === undefined || size > 16) {
      reject(EINVAL, `The function ${name} arg${i} type ${kindOf(type)} is unsupported.`);
    }
    if (size === 0) reject(EINVAL, `The function ${name} has malformed void argument.`);
  });
}

/** (kernel: bpf_lsm_verify_prog) */
function checkHook(env: Env, hook: string, target: AttachTarget): void {
  if (env.options.sleepable) notModelled('sleepable program of LSM');
  if (!env.options.gpl) reject(EINVAL, 'LSM programs must have a GPL compatible license');
  if (DISABLED_HOOKS.has(hook)) {
    reject(EINVAL, `attach_btf_id ${target.id} points to disabled hook ${target.name}`);
  }
}

const DENIED: ReadonlySet<string> = new Set([
  'migrate_disable',
  'migrate_enable',
  'rcu_read_unlock_strict',
  'preempt_count_add',
  'preempt_count_sub',
  '__rcu_read_lock',
  '__rcu_read_unlock',
]);
const NEVER_RETURN: ReadonlySet<string> = new Set([
  'do_exit',
  'do_group_exit',
  'kthread_complete_and_exit',
  'kthread_exit',
  'make_task_dead',
  '__x64_sys_exit',
  '__x64_sys_exit_group',
]);

function checkFunction(env: Env, name: string): void {
  const { attachType } = env.variant;
  const isCall = /^__(x64|ia32|arm64)_sys_/.test(name);
  if (env.options.sleepable) {
    if (!isCall) notModelled(`sleepable program on ${name}`);
  } else if (attachType === 'BPF_MODIFY_RETURN' && !isCall && !name.startsWith('security_')) {
    notModelled(`fmod_ret on ${name}`);
  }
  if (DENIED.has(name)) reject(EINVAL, '');
  if (attachType !== 'BPF_TRACE_FENTRY' && NEVER_RETURN.has(name)) {
    reject(EINVAL, `Attaching fexit/fmod_ret to __noreturn function '${name}' is rejected.`);
  }
}

/** Number of the argument at an offset of the context (kernel: btf_ctx_arg_idx). */
function argumentAt(btf: Btf, proto: BtfFuncProto, off: number): number {
  const width = (id: number): number => Math.ceil((sizeOfValue(resolved(btf, id)) ?? 0) / 8) * 8;
  let end = 0;
  for (let i = 0; i < proto.params.length; i++) {
    end += width(proto.params[i]!.type);
    if (off < end) return i;
  }
  end += width(proto.returnType);
  return off < end ? proto.params.length : proto.params.length + 1;
}

function isSmallInt(type: BtfType | undefined): boolean {
  return type?.kind === 'INT' && type.bits === type.size * 8 && type.bitOffset === 0 && type.size <= 8;
}

const SCALAR: ContextValue = { type: SCALAR_VALUE, id: 0, isResult: false };

/**
 * A load from the context: what it gives; undefined when it is refused, after the reason was noted (kernel: btf_ctx_access).
 */
export function contextValue(env: Env, target: AttachTarget, off: number, size: number): ContextValue | undefined {
  const { btf } = env.kernel!;
  const { name, proto } = target;
  const { attachType } = env.variant;
  const refuse = (text: string): undefined => {
    env.note(text);
    return undefined;
  };
  if (off % 8 !== 0) return refuse(`func '${name}' offset ${off} is not multiple of 8`);
  const arg = argumentAt(btf, proto, off);
  const params = target.isTracepoint ? proto.params.slice(1) : proto.params;
  let isResult = false;
  let type: BtfType | undefined;
  if (arg > params.length) return refuse(`func '${name}' doesn't have ${arg + 1}-th argument`);
  if (arg === params.length) {
    switch (attachType) {
      case 'BPF_LSM_MAC':
        isResult = true;
        type = resolved(btf, proto.returnType);
        break;
      case 'BPF_LSM_CGROUP':
      case 'BPF_TRACE_FEXIT':
        type = resolved(btf, proto.returnType);
        break;
      case 'BPF_MODIFY_RETURN':
        type = resolved(btf, proto.returnType);
        if (!isSmallInt(type)) return refuse(`ret type ${kindOf(type)} not allowed for fmod_ret`);
        break;
      default:
        return refuse(`func '${name}' doesn't have ${arg + 1}-th argument`);
    }
  } else type = resolved(btf, params[arg]!.type);
  if (isSmallInt(type) || (type !== undefined && (isEnum(type) || isStruct(type)))) return { ...SCALAR, isResult };
  if (type?.kind !== 'PTR') {
    return refuse(
      `func '${name}' arg${arg} '${type?.name ?? ''}' has type ${kindOf(type)}. Only pointer access is allowed`,
    );
  }
  if (size !== 8) return refuse(`func '${name}' size ${size} must be 8`);
  const given = attachType === 'BPF_TRACE_ITER' ? iteratorArgument(name, arg) : undefined;
  const pointee = resolved(btf, type.type);
  if (given !== undefined && baseType(given) === PTR_TO_BUF) return { type: given, id: 0, isResult: false };
  if (pointee === undefined || pointee.kind === 'INT') return { ...SCALAR, isResult };
  if (given !== undefined) return { type: given, id: pointee.id, isResult: false };
  return pointerValue(env, target, arg, params[arg]?.name ?? '', type.type, pointee);
}

function pointerValue(
  env: Env,
  target: AttachTarget,
  arg: number,
  parameter: string,
  pointee: number,
  struct: BtfType,
): ContextValue | undefined {
  const { attachType, type: programType } = env.variant;
  const untrusted = programType === 'LSM' && UNTRUSTED_HOOKS.has(target.name.slice('bpf_lsm_'.length));
  const isTrusted =
    attachType === 'BPF_TRACE_RAW_TP' ||
    attachType === 'BPF_TRACE_ITER' ||
    programType === 'STRUCT_OPS' ||
    (programType === 'LSM' && !untrusted);
  let type = PTR_TO_BTF_ID | (isTrusted ? PTR_TRUSTED : 0);
  if (parameter.endsWith('__nullable')) type |= PTR_MAYBE_NULL;
  let mayBeError = false;
  if (target.isTracepoint) {
    const marks = Math.floor((NULL_ARGUMENTS[target.name] ?? 0) / 16 ** arg) % 16;
    if ((marks & 1) !== 0) type |= PTR_MAYBE_NULL;
    mayBeError = (marks & 2) !== 0;
  }
  type |= tagFlag(env.kernel!.btf, pointee);
  if (!isStruct(struct)) {
    env.note(`func '${target.name}' arg${arg} type ${struct.kind} is not a struct`);
    return undefined;
  }
  // The kernel knows these arguments from elsewhere, and says nothing (ctx_arg_info).
  if (target.struct !== undefined && (type & PTR_MAYBE_NULL) !== 0) return { type, id: struct.id, isResult: false };
  env.note(`func '${target.name}' arg${arg} has btf_id ${struct.id} type ${struct.kind} '${struct.name}'`);
  if (mayBeError) return SCALAR;
  return { type, id: struct.id, isResult: false };
}

/** Arguments of iterators are what their targets say. */
function iteratorArgument(name: string, arg: number): number | undefined {
  const list = ITERATOR_ARGUMENTS[name.slice('bpf_iter_'.length)];
  return list === undefined && arg > 0 ? notModelled(`arguments of ${name}`) : list?.[arg - 1];
}
