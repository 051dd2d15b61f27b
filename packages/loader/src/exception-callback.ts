/** The function that makes the result of a program after bpf_throw: no instruction names it, only a tag of the entry does. */
import type { FunctionRange, FunctionTable } from './functions.ts';
import type { ObjectContext } from './object-context.ts';

const TAG = 'exception_callback:';

/** Function that the tag of an entry names; undefined without a tag, or when the object has no such function (libbpf, exception_cb_idx). */
export function exceptionCallback(
  { btf, findType }: Pick<ObjectContext, 'btf' | 'findType'>,
  functions: FunctionTable,
  entry: FunctionRange,
): FunctionRange | undefined {
  const main = findType('FUNC', entry.name)?.id;
  if (btf === undefined || main === undefined) return undefined;
  const tag = btf.types.find((t) => t.kind === 'DECL_TAG' && t.type === main && t.componentIndex === -1 && t.name.startsWith(TAG)); // prettier-ignore
  if (tag === undefined) return undefined;
  const name = tag.name.slice(TAG.length);
  for (const section of functions.values()) {
    const found = section.find((candidate) => candidate.name === name && !candidate.isLocal);
    if (found !== undefined) return found;
  }
  return undefined;
}
