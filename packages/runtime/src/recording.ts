/**
 * Recordings: an object, the inputs of a VM, the events and what came of them. A recording is replayed anywhere, without
 * the kernel whose types the object was loaded for, and must give the same again.
 */
import { BpfError } from '@polybpf/errors';
import { decodeInsns, encodeProgram, type Program } from '@polybpf/isa';
import { loadObject, type LoadedObject } from '@polybpf/loader';
import { decodeEvent, encodeEvent, type EventRecord, fromHexText, toHexText } from './event-record.ts';
import type { BpfEvent } from './events.ts';
import type { TracepointLayouts } from './tracepoint-record.ts';
import { createVm, type Vm, type VmOptions } from './vm.ts';
import type { VmRunResult } from './vm-program.ts';

/** Format of recordings. */
export const RECORDING_FORMAT = 'polybpf/recording@1';

/** The inputs of a VM that decide its runs. */
export interface RecordedInputs {
  readonly profile: string;
  readonly cpus: number;
  readonly time: string;
  readonly tick: string;
  readonly bootOffset: string;
  readonly taiOffset: string;
  readonly hz: number;
  readonly seed: number;
}

/** First line of a recording. */
export interface RecordingHeader {
  readonly format: typeof RECORDING_FORMAT;
  /** The object file in hex; empty for programs without one. */
  readonly object: string;
  /** Instructions as they ran, in hex, by program: relocated for the kernel that was the target. */
  readonly programs: Readonly<Record<string, string>>;
  /** Contents of data sections before the first run, in hex. */
  readonly data: Readonly<Record<string, string>>;
  readonly inputs: RecordedInputs;
}

/** What one run gave, as JSON. */
export interface ResultRecord {
  readonly program: string;
  readonly r0: string;
  readonly verdict: string | null;
  readonly packet: string | null;
  readonly printed: readonly string[];
  readonly insnsExecuted: number;
  /** Code and message of a fault. */
  readonly fault: string | null;
}

/** One event and what came of it. */
export interface RecordedStep {
  readonly event: EventRecord;
  readonly result: ResultRecord;
}

/** A whole recording. */
export interface Recording {
  readonly header: RecordingHeader;
  readonly steps: readonly RecordedStep[];
  /** Contents of all maps at the end: value by key, in hex. */
  readonly maps: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Records the runs of a VM. */
export interface Recorder {
  readonly vm: Vm;
  /** Runs a program on an event; a fault is part of the result. */
  run(program: string, event: BpfEvent): VmRunResult;
  finish(): Recording;
}

/** The result of a run as JSON. */
export function encodeResult(result: VmRunResult): ResultRecord {
  return {
    program: result.program,
    r0: `0x${result.r0.toString(16).padStart(16, '0')}`,
    verdict: result.verdict ?? null,
    packet: result.packet === undefined ? null : toHexText(result.packet),
    printed: result.printed,
    insnsExecuted: result.insnsExecuted,
    fault: result.fault === undefined ? null : `${result.fault.code}: ${result.fault.message}`,
  };
}

/** Contents of all maps of a VM that can be iterated, by key in hex. */
export function dumpMaps(vm: Vm): Record<string, Record<string, string>> {
  return Object.fromEntries(vm.mapNames.flatMap((name) => {
      try {
        const map = vm.map(name);
        const listed = map.guest.ring === undefined && map.guest.userRing === undefined && map.guest.objects === undefined;
        return listed ? [[name, map.dump()] as const] : [];
      } catch (error) {
        if (error instanceof BpfError && (error.code === 'E_UNSUPPORTED' || error.code === 'E_KERNEL_CALL')) return [];
        throw error;
      }
    }),
  ); // prettier-ignore
}

/** What {@link recordVm} takes: the VM's options, with the object both as a file and as it was loaded. */
export interface RecordOptions extends Omit<VmOptions, 'object' | 'program' | 'programs' | 'profile'> {
  readonly bytes: Uint8Array;
  readonly object: LoadedObject;
  readonly profile?: string;
}

/** A VM whose runs are recorded. */
export function recordVm(options: RecordOptions): Recorder {
  const { bytes, object } = options;
  const vm = createVm(options);
  // Globals that are set before the first run are part of what is replayed.
  let data: [string, string][] | undefined;
  const captured = (): [string, string][] =>
    (data ??= object.maps.flatMap(({ name, kind }): [string, string][] => {
      const values = kind === 'map' ? undefined : vm.map(name).guest.values;
      return values === undefined ? [] : [[name, toHexText(values.bytes)]];
    }));
  const header = (): RecordingHeader => ({
    format: RECORDING_FORMAT,
    object: toHexText(bytes),
    programs: Object.fromEntries(object.programs.map((program) => [program.name, toHexText(encodeProgram(program.insns, program.endian))])), // prettier-ignore
    data: Object.fromEntries(captured()),
    inputs: {
      profile: options.profile ?? '6.18',
      cpus: options.cpus ?? 1,
      time: String(options.time ?? 0),
      tick: String(options.tick ?? 0),
      bootOffset: String(options.bootOffset ?? 0),
      taiOffset: String(options.taiOffset ?? 0),
      hz: options.hz ?? 1000,
      seed: options.seed ?? 1,
    },
  });
  const steps: RecordedStep[] = [];
  return {
    vm,
    run(program, event) {
      captured();
      const result = vm.program(program).tryRun(event);
      steps.push({ event: encodeEvent(event, program), result: encodeResult(result) });
      return result;
    },
    finish: () => ({ header: header(), steps, maps: dumpMaps(vm) }),
  };
}

/** JSON lines of a recording: header, one line for each step, maps. */
export function formatRecording({ header, steps, maps }: Recording): string {
  return [header, ...steps, { maps }].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** One thing that a replay gave otherwise. */
export interface ReplayDifference {
  /** Index of the step; null for maps at the end. */
  readonly step: number | null;
  readonly what: string;
  readonly recorded: string;
  readonly replayed: string;
}

/** What a replay gave. */
export interface ReplayReport {
  readonly steps: number;
  readonly differences: readonly ReplayDifference[];
  readonly results: readonly ResultRecord[];
}

/** The object of a recording, as it ran. */
function recordedObject({ object, programs }: RecordingHeader): LoadedObject {
  const loaded = loadObject(fromHexText(object, 'object'));
  return { ...loaded, programs: loaded.programs.map((program) => withInsns(program, programs[program.name])) };
}

function withInsns(program: Program, hex: string | undefined): Program {
  if (hex === undefined) return program;
  const insns = decodeInsns(fromHexText(hex, `program ${program.name}`), program.endian);
  const open = program.relocations.filter(
    ({ kind, insn }) => kind === 'map' || kind === 'data' || insns[insn]?.imm === -1,
  );
  return { ...program, insns, relocations: open };
}

/** The VM of a recording, before its first event. */
export function replayVm(recording: Recording, tracepoints?: TracepointLayouts): Vm {
  const { inputs, data } = recording.header;
  const vm = createVm({
    object: recordedObject(recording.header),
    profile: inputs.profile,
    cpus: inputs.cpus,
    time: BigInt(inputs.time),
    tick: BigInt(inputs.tick),
    bootOffset: BigInt(inputs.bootOffset),
    taiOffset: BigInt(inputs.taiOffset),
    hz: inputs.hz,
    seed: inputs.seed,
    ...(tracepoints === undefined ? {} : { tracepoints }),
  });
  for (const [name, hex] of Object.entries(data)) vm.map(name).guest.values?.bytes.set(fromHexText(hex, name));
  return vm;
}

/**
 * Replays a recording and compares.
 *
 * @throws BpfError `E_INPUT` for a recording that names programs or maps which its object has not
 */
export function replayRecording(recording: Recording, tracepoints?: TracepointLayouts): ReplayReport {
  const vm = replayVm(recording, tracepoints);
  const differences: ReplayDifference[] = [];
  const results = recording.steps.map(({ event, result }, step) => {
    const replayed = encodeResult(vm.program(event.program).tryRun(decodeEvent(event)));
    for (const what of Object.keys(result) as (keyof ResultRecord)[]) {
      const [before, after] = [JSON.stringify(result[what]), JSON.stringify(replayed[what])];
      if (before !== after) differences.push({ step, what, recorded: before, replayed: after });
    }
    return replayed;
  });
  const maps = dumpMaps(vm);
  for (const name of new Set([...Object.keys(recording.maps), ...Object.keys(maps)])) {
    const [before, after] = [sorted(recording.maps[name]), sorted(maps[name])];
    if (before !== after) differences.push({ step: null, what: `map ${name}`, recorded: before, replayed: after });
  }
  vm.dispose();
  return { steps: recording.steps.length, differences, results };
}

function sorted(contents: Readonly<Record<string, string>> | undefined): string {
  return contents === undefined
    ? 'missing'
    : JSON.stringify(Object.entries(contents).sort(([a], [b]) => (a < b ? -1 : 1)));
}
