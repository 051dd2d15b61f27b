/** Whether pointers to kernel objects may be relied on (kernel: is_trusted_reg). */
import { W_REF, W_TYPE } from './register-record.ts';
import { baseType, CONST_PTR_TO_MAP, MEM_ALLOC, NON_OWN_REF, PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TRUSTED, typeFlags } from './register-types.ts'; // prettier-ignore

const TRUSTED_MODIFIERS = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF;

function hasUnsafeModifiers(type: number): boolean {
  return (typeFlags(type) & ~TRUSTED_MODIFIERS) !== 0;
}

/** A pointer that is referenced, of an always trusted type, or marked trusted. */
export function isTrusted(w: Int32Array, at: number): boolean {
  if (w[at + W_REF] !== 0) return true;
  const type = w[at + W_TYPE]!;
  if (hasUnsafeModifiers(type)) return false;
  switch (baseType(type)) {
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case CONST_PTR_TO_MAP:
      return true;
    default:
      return (typeFlags(type) & TRUSTED_MODIFIERS) !== 0;
  }
}
