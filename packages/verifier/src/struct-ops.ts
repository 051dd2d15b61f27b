/** Programs that are members of a struct of functions of the kernel (kernel: check_struct_ops_btf_id). */
import { type BtfComposite, type BtfFuncProto, typeById } from '@polybpf/btf';
import type { ProgramVariant, Registry } from '@polybpf/helpers';
import type { AttachTarget } from './attach-target.ts';
import { checkUnmodified } from './context-access.ts';
import { type Env, notModelled, reject } from './env.ts';
import type { VerifyInput } from './input.ts';
import { isStruct, type KernelTypes, resolved } from './kernel-types.ts';
import type { ProgramTypes } from './program-types.ts';
import { EINVAL, ENOTSUPP } from './reject.ts';
import { W_AUX, W_REF, W_TYPE } from './register-record.ts';
import { baseType, PTR_TO_BTF_ID } from './register-types.ts';
import { regAt } from './state.ts';

/** Member that a program is for, as `expected_attach_type` has its number. */
export interface StructMember {
  readonly struct: BtfComposite;
  readonly index: number;
  readonly name: string;
  /** Undefined for a member that is no function. */
  readonly proto: BtfFuncProto | undefined;
}

function memberOf(types: KernelTypes, struct: BtfComposite, index: number): StructMember {
  const member = struct.members[index];
  const pointer = member === undefined ? undefined : resolved(types.btf, member.type);
  const proto = pointer?.kind === 'PTR' && pointer.type !== 0 ? typeById(types.btf, pointer.type) : undefined;
  return { struct, index, name: member?.name ?? '', proto: proto?.kind === 'FUNC_PROTO' ? proto : undefined };
}

/** Attach types of members by name, as profiles have them. */
const BY_NAME = 'member ';

/** Number of the member: the attach type, or the place of `member NAME`; behind the last one for a name that is not there. */
function memberIndex(struct: BtfComposite, attachType: VerifyInput['attachType']): number {
  if (typeof attachType === 'number') return attachType;
  if (typeof attachType !== 'string' || !attachType.startsWith(BY_NAME)) return 0;
  const index = struct.members.findIndex(({ name }) => name === attachType.slice(BY_NAME.length));
  return index < 0 ? struct.members.length : index;
}

/** The struct and member that a program names; undefined when there is no such struct. */
function targetOf(input: VerifyInput, types: KernelTypes | undefined): StructMember | undefined {
  const found = input.attachBtfName === undefined ? undefined : types?.find('STRUCT', input.attachBtfName);
  if (types === undefined || found === undefined || !isStruct(found)) return undefined;
  return memberOf(types, found, memberIndex(found, input.attachType));
}

/** The variant whose helpers and kernel functions programs for the struct may call. */
export function structVariant(registry: Registry, name: string | undefined): ProgramVariant | undefined {
  const variants = Object.values(registry.profile.variants);
  return variants.find((one) => one.type === 'STRUCT_OPS' && one.name.startsWith(`STRUCT_OPS/${name ?? ''}.`));
}

/** Members that no program may be for, and those of bpf_dummy_ops that may sleep (kernel: check_member of each struct). */
const UNSUPPORTED: ReadonlySet<string> = new Set(['tcp_congestion_ops.get_info']);
const DUMMY = 'bpf_dummy_ops';
const MAY_SLEEP = 'test_sleepable';

/** Name of the function of the kernel whose parameters tell more of the arguments (kernel: prepare_arg_info). */
function stubName({ struct, name }: StructMember): string {
  return `${struct.name}__${name}`;
}

function findTarget(env: Env, input: VerifyInput): AttachTarget {
  if (!env.options.gpl) reject(EINVAL, 'struct ops programs must have a GPL compatible license');
  if (input.attachBtfName === undefined) return reject(ENOTSUPP, '');
  const types = env.kernel ?? notModelled('types of the kernel, which were not given');
  const target = targetOf(input, types);
  if (target === undefined) return notModelled(`struct ${input.attachBtfName}, which the kernel's BTF does not have`);
  const { struct, index, name, proto } = target;
  const { id } = struct;
  if (types.find('STRUCT', `bpf_struct_ops_${struct.name}`) === undefined) {
    reject(ENOTSUPP, `attach_btf_id ${id} is not a supported struct`);
  }
  if (struct.members[index] === undefined) {
    reject(EINVAL, `attach to invalid member idx ${index} of struct ${struct.name}`);
  }
  if (proto === undefined) {
    return reject(EINVAL, `attach to invalid member ${name}(@idx ${index}) of struct ${struct.name}`);
  }
  const sleeps = env.options.sleepable && struct.name === DUMMY && name !== MAY_SLEEP;
  if (UNSUPPORTED.has(`${struct.name}.${name}`) || sleeps) {
    reject(sleeps ? EINVAL : ENOTSUPP, `attach to unsupported member ${name} of struct ${struct.name}`);
  }
  const stub = types.find('FUNC', stubName(target));
  const stubProto = stub?.kind === 'FUNC' ? typeById(types.btf, stub.type) : undefined;
  const named = stubProto?.kind === 'FUNC_PROTO' ? stubProto.params : [];
  const params = proto.params.map((param, i) => ({ ...param, name: named[i]?.name ?? param.name }));
  return { id, name, proto: { ...proto, params }, isTracepoint: false, struct: struct.name };
}

/** What is different from other programs. */
export function structOpsTypes(input: VerifyInput): Pick<ProgramTypes, 'checkAttach' | 'checkSpecialReturn'> {
  return {
    checkAttach: (env) => {
      env.target = findTarget(env, input);
    },
    checkSpecialReturn: (env, regno) => returnsObject(env, regno),
  };
}

/** Members without a result do not look at r0; the object that one gives back must be held, and as it was got. */
function returnsObject(env: Env, regno: number): boolean {
  const { btf } = env.kernel!;
  const result = resolved(btf, env.target!.proto.returnType);
  if (result === undefined) return true;
  const w = env.frame.w;
  const at = regAt(regno);
  const wanted = result.kind === 'PTR' ? resolved(btf, result.type) : undefined;
  const isObject = baseType(w[at + W_TYPE]!) === PTR_TO_BTF_ID && w[at + W_REF] !== 0;
  if (wanted === undefined || !isObject || w[at + W_AUX] !== wanted.id) return false;
  checkUnmodified(env, w, at, regno, false);
  return true;
}

/** Whether the helper is kept from a member: the socket is being taken apart (kernel: bpf_tcp_ca_get_func_proto). */
export function isKeptFromMember(input: VerifyInput, types: KernelTypes | undefined, helper: string): boolean {
  if (helper !== 'bpf_setsockopt' && helper !== 'bpf_getsockopt') return false;
  const target = targetOf(input, types);
  return target?.struct.name === 'tcp_congestion_ops' && target.name === 'release';
}
