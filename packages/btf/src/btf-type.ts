/**
 * BTF types as plain data, one interface for each of the 19 kinds of the kernel's Documentation/bpf/btf.rst, section
 * "Type Encoding". `type` fields are type ids; id 0 is `void`. Sizes are in bytes, `bitOffset` and `bitfieldSize` in
 * bits. Anonymous things have the name ''.
 */

/** Id 0. */
export interface BtfVoid {
  readonly kind: 'VOID';
  readonly id: number;
  readonly name: string;
}

export interface BtfInt {
  readonly kind: 'INT';
  readonly id: number;
  readonly name: string;
  readonly size: number;
  /** Bits of {@link BTF_INT_ENCODING}. */
  readonly encoding: number;
  /** First bit of the value in its `size` bytes; not 0 only in old encodings of bit fields. */
  readonly bitOffset: number;
  readonly bits: number;
}

/** Kinds that only point on to another type; `name` is that of the TYPEDEF or the text of the TYPE_TAG. */
export interface BtfReference {
  readonly kind: 'PTR' | 'TYPEDEF' | 'VOLATILE' | 'CONST' | 'RESTRICT' | 'TYPE_TAG';
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** A TYPE_TAG that stands for an attribute of the compiler rather than a `btf_type_tag` (kind_flag). */
  readonly attribute: boolean;
}

export interface BtfArray {
  readonly kind: 'ARRAY';
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly indexType: number;
  readonly nelems: number;
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** From the start of the struct. */
  readonly bitOffset: number;
  /** 0 for a member that is no bit field. */
  readonly bitfieldSize: number;
}

export interface BtfComposite {
  readonly kind: 'STRUCT' | 'UNION';
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum {
  readonly kind: 'ENUM';
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface BtfEnum64 {
  readonly kind: 'ENUM64';
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfForward {
  readonly kind: 'FWD';
  readonly id: number;
  readonly name: string;
  readonly union: boolean;
}

export interface BtfFunc {
  readonly kind: 'FUNC';
  readonly id: number;
  readonly name: string;
  /** A FUNC_PROTO. */
  readonly type: number;
  /** One of {@link BTF_FUNC_LINKAGE}. */
  readonly linkage: number;
}

export interface BtfFuncProto {
  readonly kind: 'FUNC_PROTO';
  readonly id: number;
  readonly name: string;
  readonly returnType: number;
  /** A last parameter without name and of type 0 means variable arguments. */
  readonly params: readonly { readonly name: string; readonly type: number }[];
}

export interface BtfVar {
  readonly kind: 'VAR';
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** One of {@link BTF_VAR_LINKAGE}. */
  readonly linkage: number;
}

/** A variable (or an extern function) of a section; compilers leave `offset` to the relocations of the object. */
export interface BtfSectionVariable {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

export interface BtfDatasec {
  readonly kind: 'DATASEC';
  readonly id: number;
  readonly name: string;
  /** 0 in what compilers write. */
  readonly size: number;
  readonly variables: readonly BtfSectionVariable[];
}

export interface BtfFloat {
  readonly kind: 'FLOAT';
  readonly id: number;
  readonly name: string;
  readonly size: number;
}

export interface BtfDeclTag {
  readonly kind: 'DECL_TAG';
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** Index of the member or parameter that is tagged; -1 for the type itself. */
  readonly componentIndex: number;
  /** As in {@link BtfReference}. */
  readonly attribute: boolean;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfEnum64
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;

/** All types of one BTF blob. */
export interface Btf {
  readonly endian: 'little' | 'big';
  /** By id: `types[id - firstId]`. A base BTF starts with the void type at id 0. */
  readonly types: readonly BtfType[];
  /** Id of `types[0]`: 0, or the number of types of `base`. */
  readonly firstId: number;
  /** The string section as it was, which `.BTF.ext` refers to by offset. */
  readonly strings: Uint8Array;
  /** What a split BTF (of a kernel module) builds on. */
  readonly base?: Btf;
}
