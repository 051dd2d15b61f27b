/**
 * What the verifier wants of an argument and knows of a result: `enum bpf_arg_type`, `enum bpf_return_type` and their flags
 * in include/linux/bpf.h, without the prefixes `ARG_` and `RET_`. The combined names of the kernel are taken apart:
 * `ARG_PTR_TO_UNINIT_MEM` is `PTR_TO_MEM` with `UNINIT` and `WRITE`, `..._OR_NULL` is the flag `MAYBE_NULL`.
 */

/** Base kind of an argument. */
export type ArgumentBase =
  | 'ANYTHING'
  | 'CONST_MAP_PTR'
  | 'PTR_TO_MAP_KEY'
  | 'PTR_TO_MAP_VALUE'
  | 'PTR_TO_MEM'
  | 'CONST_SIZE'
  | 'CONST_SIZE_OR_ZERO'
  | 'CONST_ALLOC_SIZE_OR_ZERO'
  | 'PTR_TO_CTX'
  | 'PTR_TO_BTF_ID'
  | 'PTR_TO_BTF_ID_SOCK_COMMON'
  | 'PTR_TO_SOCK_COMMON'
  | 'PTR_TO_SOCKET'
  | 'PTR_TO_PERCPU_BTF_ID'
  | 'PTR_TO_SPIN_LOCK'
  | 'PTR_TO_RINGBUF_MEM'
  | 'PTR_TO_FUNC'
  | 'PTR_TO_STACK'
  | 'PTR_TO_CONST_STR'
  | 'PTR_TO_TIMER'
  /** Where a kptr is kept: a map value or an object of the program. */
  | 'KPTR_XCHG_DEST'
  | 'PTR_TO_DYNPTR';

/** Flag of an argument or result. */
export type KindFlag =
  | 'MAYBE_NULL'
  /** `MEM_RDONLY`: the helper only reads, so that read-only memory will do. */
  | 'RDONLY'
  /** `MEM_WRITE`: the helper writes. */
  | 'WRITE'
  /** `MEM_UNINIT`: need not be initialised; it is afterwards. */
  | 'UNINIT'
  /** `MEM_ALIGNED`: must be aligned to its size. */
  | 'ALIGNED'
  /** `MEM_FIXED_SIZE`: no size argument follows; see `size`. */
  | 'FIXED_SIZE'
  /** `OBJ_RELEASE`: the helper releases the reference. */
  | 'OBJ_RELEASE'
  | 'DYNPTR_LOCAL'
  | 'DYNPTR_RINGBUF'
  | 'DYNPTR_SKB'
  | 'DYNPTR_XDP';

/** What the verifier wants of an argument. */
export interface ArgumentKind {
  readonly base: ArgumentBase;
  readonly flags: readonly KindFlag[];
  /** Bytes, of `FIXED_SIZE` memory. */
  readonly size?: number | undefined;
  /** Struct of a `PTR_TO_BTF_ID`, e.g. `task_struct`; undefined when it is of any type. */
  readonly btf?: string | undefined;
}

/** Base kind of a result. */
export type ResultBase =
  | 'INTEGER'
  | 'VOID'
  | 'PTR_TO_MAP_VALUE'
  | 'PTR_TO_SOCKET'
  | 'PTR_TO_TCP_SOCK'
  | 'PTR_TO_SOCK_COMMON'
  | 'PTR_TO_MEM'
  | 'PTR_TO_MEM_OR_BTF_ID'
  | 'PTR_TO_RINGBUF_MEM'
  | 'PTR_TO_DYNPTR_MEM'
  | 'PTR_TO_BTF_ID'
  | 'PTR_TO_BTF_ID_TRUSTED';

/** What the verifier knows of r0 after the call. */
export interface ResultKind {
  readonly base: ResultBase;
  readonly flags: readonly KindFlag[];
  /** Struct of a `PTR_TO_BTF_ID`. */
  readonly btf?: string | undefined;
}
