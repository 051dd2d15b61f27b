/** The numbers of the BTF format (kernel include/uapi/linux/btf.h). */

/** `BTF_MAGIC`, which also tells the byte order. */
export const BTF_MAGIC = 0xeb9f;

/** BTF kinds by number (`BTF_KIND_*`); position is the number. */
export const BTF_KINDS = [
  'VOID',
  'INT',
  'PTR',
  'ARRAY',
  'STRUCT',
  'UNION',
  'ENUM',
  'FWD',
  'TYPEDEF',
  'VOLATILE',
  'CONST',
  'RESTRICT',
  'FUNC',
  'FUNC_PROTO',
  'VAR',
  'DATASEC',
  'FLOAT',
  'DECL_TAG',
  'TYPE_TAG',
  'ENUM64',
] as const;

/** Name of a BTF kind without its prefix. */
export type BtfKind = (typeof BTF_KINDS)[number];

/** Bits of `BtfInt.encoding` (`BTF_INT_SIGNED` and so on). */
export const BTF_INT_ENCODING = { SIGNED: 1, CHAR: 2, BOOL: 4 } as const;

/** `linkage` of a FUNC (`enum btf_func_linkage`). */
export const BTF_FUNC_LINKAGE = { STATIC: 0, GLOBAL: 1, EXTERN: 2 } as const;

/** `linkage` of a VAR (`BTF_VAR_STATIC` and so on). */
export const BTF_VAR_LINKAGE = { STATIC: 0, GLOBAL_ALLOCATED: 1, GLOBAL_EXTERN: 2 } as const;
