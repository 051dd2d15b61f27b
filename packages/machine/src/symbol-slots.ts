/** Slots of the helper table behind the helpers proper: one for each function that programs call by name. */
import { BpfError } from '@polybpf/errors';

/** Names and the addresses of their stubs. Slots are shared by all programs of a machine; who answers is the job's affair. */
export interface SymbolSlots {
  /**
   * Address of the stub for `name`, made at first use.
   *
   * @throws BpfError `E_MACHINE_LIMIT`
   */
  address(name: string): number;
  /** Name behind a slot of the helper table, or undefined. */
  name(slot: number): string | undefined;
}

/** Slots `first` to `first + count - 1`. */
export function createSymbolSlots(first: number, count: number, stubs: readonly number[]): SymbolSlots {
  const names: string[] = [];
  const slots = new Map<string, number>();
  return {
    address(name) {
      let slot = slots.get(name);
      if (slot === undefined) {
        if (names.length === count) {
          throw new BpfError('E_MACHINE_LIMIT', `functions called by name; option symbolCount allows more`, {
            expected: `at most ${count}`,
            got: name,
          });
        }
        slot = first + names.push(name) - 1;
        slots.set(name, slot);
      }
      return stubs[slot]!;
    },
    name: (slot) => names[slot - first],
  };
}
