/** Kernel symbols that programs refer to: `.ksyms`, per-CPU variables, externs. */
import type { Memory, ResolveSymbol } from '@polybpf/interpreter';
import type { LoadedObject } from '@polybpf/loader';

/** A value (an address or number), memory that the symbol names, or memory of each CPU. */
export type SymbolInit = bigint | number | Uint8Array | readonly Uint8Array[];

/** What {@link createSymbols} gives. */
export interface SymbolTable {
  readonly resolve: ResolveSymbol;
  readonly names: ReadonlyMap<bigint, string>;
  readonly percpu: Map<bigint, readonly bigint[]>;
  /** Names of the kernel's functions and variables that instructions mean by BTF id. */
  readonly byBtfId: ReadonlyMap<number, string>;
}

/** Gives each symbol an address. */
export function createSymbols(
  memory: Memory,
  inits: Readonly<Record<string, SymbolInit>>,
  object: LoadedObject | undefined,
  cpus: number,
): SymbolTable {
  const addresses = new Map<string, bigint>();
  const names = new Map<bigint, string>();
  const percpu = new Map<bigint, readonly bigint[]>();
  for (const [name, init] of Object.entries(inits)) {
    let address: bigint;
    if (typeof init === 'bigint' || typeof init === 'number') address = BigInt.asUintN(64, BigInt(init));
    else if (init instanceof Uint8Array) address = memory.addressOf(memory.add({ name, kind: 'mem', data: init }));
    else {
      // The symbol itself is only an offset into the area of each CPU: its address cannot be dereferenced.
      address = memory.addressOf(memory.add({ name, kind: 'mem', data: new Uint8Array(0) }));
      const copies = Array.from({ length: cpus }, (_, cpu) => init[cpu] ?? new Uint8Array(init[0]?.length ?? 0));
      percpu.set(address, copies.map((data, cpu) => memory.addressOf(memory.add({ name: `${name} of CPU ${cpu}`, kind: 'mem', data })))); // prettier-ignore
    }
    addresses.set(name, address);
    names.set(address, name);
  }
  const byBtfId = btfIdNames(object);
  return {
    names,
    percpu,
    byBtfId,
    resolve(reference) {
      if (reference.kind === 'extern') return addresses.get(reference.symbol);
      if (reference.kind === 'btf_id') {
        const name = byBtfId.get(reference.id);
        return name === undefined ? undefined : addresses.get(name);
      }
      return undefined;
    },
  };
}

/** Names of the typed kernel symbols that the loader has filled in. */
function btfIdNames(object: LoadedObject | undefined): Map<number, string> {
  const names = new Map<number, string>();
  object?.programs.forEach((_program, k) => {
    for (const { symbol, btfId } of object.details[k]?.kernelSymbols ?? []) if (btfId > 0) names.set(btfId, symbol);
  });
  return names;
}
