export type {
  Btf,
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfEnum64,
  BtfFloat,
  BtfForward,
  BtfFunc,
  BtfFuncProto,
  BtfInt,
  BtfMember,
  BtfReference,
  BtfSectionVariable,
  BtfType,
  BtfVar,
  BtfVoid,
} from './btf-type.ts';
export { fieldsAreCompatible, typesAreCompatible, typesMatch } from './core-compat.ts';
export { CORE_RELOCATION_KINDS } from './core-kinds.ts';
export type { CoreRelocationKind } from './core-kinds.ts';
export { createCoreRelocator } from './core-relocator.ts';
export type { CoreRelocator, CoreResolution } from './core-relocator.ts';
export { encodeBtfWithExt } from './encode-btf-ext.ts';
export { encodeBtf } from './encode-btf.ts';
export type { BtfInit } from './encode-btf.ts';
export { BTF_FUNC_LINKAGE, BTF_INT_ENCODING, BTF_KINDS, BTF_MAGIC, BTF_VAR_LINKAGE } from './kinds.ts';
export type { BtfKind } from './kinds.ts';
export { createLineIndex } from './line-index.ts';
export type { LineIndex } from './line-index.ts';
export { mapDefinitions } from './map-definitions.ts';
export type { BtfMapDefinition, BtfMapValues } from './map-definitions.ts';
export { essentialName, typesByEssentialName } from './name-index.ts';
export { parseBtfExt } from './parse-btf-ext.ts';
export type { BtfCoreRelocation, BtfExt, BtfExtSection, BtfFuncInfo, BtfLineInfo } from './parse-btf-ext.ts';
export { parseBtf } from './parse-btf.ts';
export { findTypes, resolveType, sizeOf, skipModifiers, typeById } from './resolve.ts';
export { printC } from './print-c.ts';
export type { PrintCOptions } from './print-c.ts';
export { createTypeScriptPrinter, printTypeScript } from './print-typescript.ts';
export type { PrintTypeScriptOptions, TypeScriptPrinter } from './print-typescript.ts';
export { diffBtf, formatType } from './diff-btf.ts';
export type { BtfDetail, BtfDifference } from './diff-btf.ts';
export { dedupBtf, mapReferences, mergeBtf } from './merge-btf.ts';
export type { MergedBtf } from './merge-btf.ts';
export { describeBtfType, printRawBtf } from './print-raw.ts';
export type { BtfDescription } from './print-raw.ts';
