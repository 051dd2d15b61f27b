/** Register types and their flags, with the numbers and names of the kernel (6.18: enum bpf_reg_type, bpf_type_flag). */

export const NOT_INIT = 0;
export const SCALAR_VALUE = 1;
export const PTR_TO_CTX = 2;
export const CONST_PTR_TO_MAP = 3;
export const PTR_TO_MAP_VALUE = 4;
export const PTR_TO_MAP_KEY = 5;
export const PTR_TO_STACK = 6;
export const PTR_TO_PACKET_META = 7;
export const PTR_TO_PACKET = 8;
export const PTR_TO_PACKET_END = 9;
export const PTR_TO_FLOW_KEYS = 10;
export const PTR_TO_SOCKET = 11;
export const PTR_TO_SOCK_COMMON = 12;
export const PTR_TO_TCP_SOCK = 13;
export const PTR_TO_TP_BUFFER = 14;
export const PTR_TO_XDP_SOCK = 15;
export const PTR_TO_BTF_ID = 16;
export const PTR_TO_MEM = 17;
export const PTR_TO_ARENA = 18;
export const PTR_TO_BUF = 19;
export const PTR_TO_FUNC = 20;
export const CONST_PTR_TO_DYNPTR = 21;

export const PTR_MAYBE_NULL: number = 1 << 8;
export const MEM_RDONLY: number = 1 << 9;
export const MEM_RINGBUF: number = 1 << 10;
export const MEM_USER: number = 1 << 11;
export const MEM_PERCPU: number = 1 << 12;
export const OBJ_RELEASE: number = 1 << 13;
export const PTR_UNTRUSTED: number = 1 << 14;
export const MEM_UNINIT: number = 1 << 15;
export const DYNPTR_TYPE_LOCAL: number = 1 << 16;
export const DYNPTR_TYPE_RINGBUF: number = 1 << 17;
export const MEM_FIXED_SIZE: number = 1 << 18;
export const MEM_ALLOC: number = 1 << 19;
export const PTR_TRUSTED: number = 1 << 20;
export const MEM_RCU: number = 1 << 21;
export const NON_OWN_REF: number = 1 << 22;
export const DYNPTR_TYPE_SKB: number = 1 << 23;
export const DYNPTR_TYPE_XDP: number = 1 << 24;
export const MEM_ALIGNED: number = 1 << 25;
export const MEM_WRITE: number = 1 << 26;
export const DYNPTR_TYPE_SKB_META: number = 1 << 27;

export const DYNPTR_TYPE_MASK: number =
  DYNPTR_TYPE_LOCAL | DYNPTR_TYPE_RINGBUF | DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP | DYNPTR_TYPE_SKB_META;

/** A type without its flags. */
export function baseType(type: number): number {
  return type & 0xff;
}

/** The flags of a type. */
export function typeFlags(type: number): number {
  return type & ~0xff;
}

const BASE_NAMES = [
  '?',
  'scalar',
  'ctx',
  'map_ptr',
  'map_value',
  'map_key',
  'fp',
  'pkt_meta',
  'pkt',
  'pkt_end',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'tp_buffer',
  'xdp_sock',
  'ptr_',
  'mem',
  'arena',
  'buf',
  'func',
  'dynptr_ptr',
];

const PREFIXES: readonly (readonly [number, string])[] = [
  [MEM_RDONLY, 'rdonly_'],
  [MEM_RINGBUF, 'ringbuf_'],
  [MEM_USER, 'user_'],
  [MEM_PERCPU, 'percpu_'],
  [MEM_RCU, 'rcu_'],
  [PTR_UNTRUSTED, 'untrusted_'],
  [PTR_TRUSTED, 'trusted_'],
];

/** A type as messages name it (kernel: reg_type_str). */
export function typeName(type: number): string {
  let name = '';
  for (const [flag, prefix] of PREFIXES) if ((type & flag) !== 0) name += prefix;
  name += BASE_NAMES[baseType(type)] ?? '';
  if ((type & PTR_MAYBE_NULL) !== 0) name += baseType(type) === PTR_TO_BTF_ID ? 'or_null_' : '_or_null';
  return name;
}

/** PTR_TO_PACKET or PTR_TO_PACKET_META, without flags. */
export function isPacketType(type: number): boolean {
  return type === PTR_TO_PACKET || type === PTR_TO_PACKET_META;
}

/** Packet pointers and the end of the packet. */
export function isPacketOrEndType(type: number): boolean {
  return type === PTR_TO_PACKET || type === PTR_TO_PACKET_META || type === PTR_TO_PACKET_END;
}

/** Sockets that are read like a context. */
export function isSocketType(type: number): boolean {
  return type === PTR_TO_SOCKET || type === PTR_TO_SOCK_COMMON || type === PTR_TO_TCP_SOCK || type === PTR_TO_XDP_SOCK;
}

/** Types that keep their meaning when they are stored to the stack (kernel: is_spillable_regtype). */
export function isSpillable(type: number): boolean {
  const base = baseType(type);
  return base > SCALAR_VALUE && base <= PTR_TO_FUNC && base !== PTR_TO_TP_BUFFER;
}
