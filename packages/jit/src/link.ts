/** Fills the relocations of compiled code, for images that are mapped by a loader of our own. */
import { BpfError } from '@polybpf/errors';
import type { CompiledProgram } from './compile.ts';
import type { CodeRelocation } from './layout.ts';
import type { CodeSymbol } from './op.ts';

/** Says at which address a symbol lies; undefined when it is unknown. */
export type ResolveSymbol = (symbol: CodeSymbol) => bigint | undefined;

/** A symbol as messages and objects call it. */
export function describeSymbol(symbol: CodeSymbol): string {
  return symbol.kind === 'helper' ? `bpf_helper_${symbol.id}` : symbol.name;
}

/**
 * The code with every relocation filled, to be mapped at `base`.
 *
 * @param base - run-time address of the first byte of the code
 * @throws BpfError `E_JIT_LINK` for symbols that `resolve` does not know (a weak one is 0) and addresses out of reach
 */
export function link(compiled: CompiledProgram, base: bigint, resolve: ResolveSymbol): Uint8Array {
  const code = compiled.code.slice();
  for (const relocation of compiled.relocations) {
    const address = resolve(relocation.symbol) ?? missing(compiled, relocation);
    const kind = compiled.target.relocations[relocation.kind]!;
    kind.apply(code, relocation.offset, address + BigInt(relocation.addend), base + BigInt(relocation.offset));
  }
  return code;
}

function missing(compiled: CompiledProgram, { symbol, offset }: CodeRelocation): bigint {
  if (symbol.kind === 'function' && symbol.weak) return 0n;
  throw new BpfError('E_JIT_LINK', `no address for ${symbol.kind} ${describeSymbol(symbol)}`, {
    at: { symbol: compiled.name, offset },
  });
}
