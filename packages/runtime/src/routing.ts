/** Which programs an event is for, by type and by the place that their section names. */
import { BpfError } from '@polybpf/errors';
import { checkEventKind, eventKindOf, type BpfEvent } from './events.ts';
import type { Vm } from './vm.ts';
import type { VmProgram } from './vm-program.ts';

/** Where an event happens, when it says so: the tracepoint, or the function that it names. */
export interface EventPlace {
  readonly program?: string | undefined;
  /** Name of the function or raw tracepoint. */
  readonly place?: string | undefined;
}

function fits({ program, type }: VmProgram, event: BpfEvent, place: string | undefined): boolean {
  if (eventKindOf(type) !== event.kind) return false;
  try {
    checkEventKind(type, event);
  } catch {
    return false;
  }
  const attached = program.attachTo?.replace('/', ':');
  if (event.kind === 'tracepoint') return attached === event.name;
  return place === undefined || attached === undefined || attached === place;
}

/**
 * The programs that an event is for.
 *
 * @throws BpfError `E_INPUT` when there is none
 */
export function programsFor(vm: Vm, event: BpfEvent, { program, place }: EventPlace = {}): VmProgram[] {
  if (program !== undefined) return [vm.program(program)];
  const found = vm.programs.filter((candidate) => fits(candidate, event, place));
  if (found.length > 0) return found;
  const what =
    event.kind === 'tracepoint' ? event.name : place === undefined ? event.kind : `${event.kind} at ${place}`;
  throw new BpfError('E_INPUT', 'event', {
    expected: vm.programs.map(({ name, type, program: { attachTo } }) => `${name} (${type}${attachTo === undefined ? '' : ` ${attachTo}`})`).join(', '), // prettier-ignore
    got: what,
  });
}
