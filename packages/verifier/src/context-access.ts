/** Loads from and stores to the context, sockets and other structs whose fields a table allows. */
import { type ContextValue, contextValue } from './attach-target.ts';
import { type Env, notModelled, reject } from './env.ts';
import { formatTnum } from './format.ts';
import { EACCES } from './reject.ts';
import { W_MASK, W_OFF, W_SMIN, W_TYPE, W_VAR } from './register-record.ts';
import {
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_FLOW_KEYS,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  PTR_TO_BUF,
  PTR_TRUSTED,
  MEM_RDONLY,
  SCALAR_VALUE,
  typeName,
} from './register-types.ts';
import { socketAccess } from './socket-fields.ts';
import { WRITE } from './stack-access.ts';
import { regAt } from './state.ts';

const TYPES: Readonly<Record<string, number>> = {
  scalar: SCALAR_VALUE,
  pkt: PTR_TO_PACKET,
  pkt_meta: PTR_TO_PACKET_META,
  pkt_end: PTR_TO_PACKET_END,
  flow_keys: PTR_TO_FLOW_KEYS,
  sock: PTR_TO_SOCKET,
  sock_or_null: PTR_TO_SOCKET | PTR_MAYBE_NULL,
  sock_common_or_null: PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL,
  sock_common: PTR_TO_SOCK_COMMON,
  tcp_sock_or_null: PTR_TO_TCP_SOCK | PTR_MAYBE_NULL,
  xdp_sock_or_null: PTR_TO_XDP_SOCK | PTR_MAYBE_NULL,
  tp_buffer: PTR_TO_TP_BUFFER,
  buf: PTR_TO_BUF,
  rdonly_buf: PTR_TO_BUF | MEM_RDONLY,
};

/** A pointer to a struct of the kernel, as `trusted_ptr_sk_buff`. */
function objectType(env: Env, text: string): number | undefined {
  const [, nullable, name] = /^trusted_ptr_(or_null_)?(.+)$/.exec(text) ?? [];
  const id = name === undefined ? undefined : env.kernel?.find('STRUCT', name)?.id;
  if (id === undefined) return undefined;
  const type = PTR_TO_BTF_ID | PTR_TRUSTED | (nullable === undefined ? 0 : PTR_MAYBE_NULL);
  env.contextValue = { type, id, isResult: false };
  return type;
}

/** A pointer that must be used as it was given (kernel: __check_ptr_off_reg). */
export function checkUnmodified(_env: Env, w: Int32Array, at: number, regno: number, fixedOk: boolean): void {
  const off = w[at + W_OFF]!;
  const name = typeName(w[at + W_TYPE]!);
  if (off < 0) reject(EACCES, `negative offset ${name} ptr R${regno} off=${off} disallowed`);
  if (!fixedOk && off !== 0) {
    reject(EACCES, `dereference of modified ${name} ptr R${regno} off=${off} disallowed`);
  }
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) !== 0) {
    reject(EACCES, `variable ${name} access var_off=${formatTnum(w, at + W_VAR)} disallowed`);
  }
}

/** Type of what a load from the context gives; refuses what the program type does not allow (kernel: check_ctx_access). */
export function checkContextAccess(env: Env, off: number, size: number, kind: number, signed: boolean): number {
  const invalid = (): never => reject(EACCES, `invalid bpf_context access off=${off} size=${size}`);
  const variant = env.variant;
  if (env.target !== undefined) return typedAccess(env, off, size, kind) ?? invalid();
  const special = contextRule(env, off, size, kind, signed);
  if (special !== undefined) return special ? SCALAR_VALUE : invalid();
  const row = env.registry.contextAccess(variant, off, size);
  if (row === undefined) return invalid();
  if (kind === WRITE) return row.writable ? SCALAR_VALUE : invalid();
  if (row.type === null) return invalid();
  const type = TYPES[row.type] ?? objectType(env, row.type);
  if (type === undefined) return notModelled(`context field of type ${row.type}`);
  if (signed && (type === PTR_TO_PACKET || type === PTR_TO_PACKET_END || type === PTR_TO_PACKET_META)) return invalid();
  return type;
}

const MAX_TYPED_CONTEXT = 96;

/** Contexts that are arguments of a function of the kernel (kernel: tracing_prog_is_valid_access, btf_ctx_access). */
function typedAccess(env: Env, off: number, size: number, kind: number): number | undefined {
  const isLsm = env.variant.type === 'LSM';
  if (kind === WRITE) return isLsm ? notModelled('store to the context') : undefined;
  if (off < 0 || off >= MAX_TYPED_CONTEXT) return isLsm ? notModelled(`context of LSM at ${off}`) : undefined;
  if (!isLsm && off % size !== 0) return undefined;
  const value = asTcpSocket(env, contextValue(env, env.target!, off, size));
  env.contextValue = value;
  return value?.type;
}

/** Sockets of congestion control are those of TCP (kernel: bpf_tcp_ca_is_valid_access). */
function asTcpSocket(env: Env, value: ContextValue | undefined): ContextValue | undefined {
  const types = env.kernel!;
  if (value === undefined || env.target!.struct !== 'tcp_congestion_ops') return value;
  if (value.type !== (PTR_TO_BTF_ID | PTR_TRUSTED) || value.id !== types.find('STRUCT', 'sock')?.id) return value;
  return { ...value, id: types.find('STRUCT', 'tcp_sock')!.id };
}

/** Program types whose context is a record of any length: whether the access is allowed; undefined for all others. */
function contextRule(env: Env, off: number, size: number, kind: number, _signed: boolean): boolean | undefined {
  switch (env.variant.type) {
    case 'TRACEPOINT':
      // The kernel compares with an unsigned size, so that offsets before the context pass too.
      return (off < 0 || off >= 8) && off < 8192 && kind !== WRITE && off % size === 0;
    case 'SYSCALL':
      return off >= 0 && off < 0xffff && off % size === 0;
    default:
      return undefined;
  }
}

/** Load through a socket pointer (kernel: check_sock_access). */
export function checkSocketAccess(env: Env, regno: number, off: number, size: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (w[at + W_SMIN + 1]! < 0) {
    reject(EACCES, `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  }
  const type = w[at + W_TYPE]!;
  if (!socketAccess(type, off, size)) {
    reject(EACCES, `R${regno} invalid ${typeName(type)} access off=${off} size=${size}`);
  }
}

const FLOW_KEYS_SIZE = 56;

/** Access to struct bpf_flow_keys. */
export function checkFlowKeysAccess(off: number, size: number): void {
  if (size < 0 || off < 0 || off + size > FLOW_KEYS_SIZE) {
    reject(EACCES, `invalid access to flow keys off=${off} size=${size}`);
  }
}

/** Access to a buffer whose length is only known when the program runs (kernel: __check_buffer_access). */
export function checkBufferAccess(env: Env, name: string, regno: number, off: number, size: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (off < 0) reject(EACCES, `R${regno} invalid ${name} buffer access: off=${off}, size=${size}`);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) !== 0) {
    reject(EACCES, `R${regno} invalid variable buffer offset: off=${off}, var_off=${formatTnum(w, at + W_VAR)}`);
  }
}
