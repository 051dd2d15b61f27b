/** `polybpf run` with a context: one event, the packets of a capture, or a file of events, in a virtual machine. */
import { BpfError } from '@polybpf/errors';
import { PROFILE_NAMES } from '@polybpf/helpers';
import { tracepoint as kernelTracepoint } from '@polybpf/helpers/tracepoints';
import type { Engine } from '@polybpf/interpreter';
import {
  type BpfEvent, createVm, decodeEvent, encodeResult, eventKindOf, type EventRecord, formatRecording, KNOWN_KCONFIG, programsFor, readPcap,
  recordVm, type Recorder, type Vm, type VmMap, type VmOptions, type VmRunResult, writePcap,
} from '@polybpf/runtime'; // prettier-ignore
import { type GivenEvent, parseEvent, parseEventFile } from '../event-schema.ts';
import { readInput, writeOutput } from '../files.ts';
import { chooseProgram, type Input } from '../input.ts';
import { isRelease, readKernelProfile } from '../kernel-profile.ts';
import { parseCount, parseMemory } from '../memory-argument.ts';
import { printJson, printLine } from '../print.ts';

/** Flags of `run` that ask for a virtual machine. */
export interface EventFlags {
  readonly ctx?: string;
  readonly packet?: string;
  readonly pcap?: string;
  readonly pcapOut?: string;
  readonly events?: string;
  readonly dumpMaps?: boolean;
  readonly kernel?: string;
  readonly interval?: string;
  readonly record?: string;
  readonly cpus?: string;
  readonly seed?: string;
  readonly prog?: string;
  readonly budget?: string;
  readonly json?: boolean;
}

/** Whether a command line asks for a virtual machine. */
export function wantsVm(flags: EventFlags): boolean {
  const { ctx, packet, pcap, events, dumpMaps, record, interval } = flags;
  return [ctx, packet, pcap, events, record, interval].some((flag) => flag !== undefined) || dumpMaps === true;
}

/** An event and where it goes. */
interface Feed {
  readonly event: BpfEvent;
  readonly program: string | undefined;
  readonly place: string | undefined;
}

const UNITS: Readonly<Record<string, bigint>> = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n }; // prettier-ignore

/**
 * Nanoseconds of `2s`, `500ms`, ...
 *
 * @throws BpfError `E_USAGE`
 */
export function parseDuration(option: string, text: string): bigint {
  const [, number, unit] = /^(\d+)(ns|us|ms|s|m)$/.exec(text) ?? [];
  if (number === undefined || BigInt(number) === 0n) throw new BpfError('E_USAGE', option, { expected: 'a time such as 2s or 500ms', got: JSON.stringify(text) }); // prettier-ignore
  return BigInt(number) * UNITS[unit!]!;
}

/** What stands behind a flag: text, or the contents of a file after `@`. */
function textOf(flag: string): { readonly text: string; readonly file: string } {
  if (!flag.startsWith('@')) return { text: flag, file: '--ctx' };
  return { text: new TextDecoder().decode(readInput(flag.slice(1))), file: flag.slice(1) };
}

/** The event with what its program already says: kind, struct, tracepoint. */
function completed(given: GivenEvent, vm: Vm, prog: string | undefined): Feed {
  const { place, program = prog, ...rest } = given;
  const only = program !== undefined ? vm.program(program) : vm.programs.length === 1 ? vm.programs[0] : undefined;
  const kind = rest.kind ?? (only === undefined ? undefined : eventKindOf(only.type));
  if (kind === undefined) throw new BpfError('E_INPUT', 'event without kind', { expected: 'a kind, or --prog with one of ' + vm.programs.map(({ name }) => name).join(', ') }); // prettier-ignore
  const attached = only?.program.attachTo?.replace('/', ':');
  const record: EventRecord = {
    ...rest,
    kind,
    ...(kind === 'tracepoint' && rest.name === undefined && attached !== undefined ? { name: attached } : {}),
  };
  return { event: decodeEvent(record), program, place };
}

function* feeds(flags: EventFlags, vm: Vm): Generator<Feed> {
  const { prog } = flags;
  if (flags.ctx !== undefined) {
    const { text, file } = textOf(flags.ctx);
    const given = parseEvent(text, file);
    const packet =
      flags.packet === undefined ? {} : { packet: Buffer.from(parseMemory(flags.packet, '--packet')).toString('hex') };
    yield completed({ ...given, ...packet }, vm, prog);
  } else if (flags.packet !== undefined) yield packetFeed(vm, prog, parseMemory(flags.packet, '--packet'));
  if (flags.pcap !== undefined) {
    for (const { data, time } of readPcap(readInput(flags.pcap)).packets) yield packetFeed(vm, prog, data, time);
  }
  if (flags.events !== undefined) {
    const text = new TextDecoder().decode(readInput(flags.events));
    for (const given of parseEventFile(text, flags.events)) yield completed(given, vm, prog);
  }
}

function packetFeed(vm: Vm, prog: string | undefined, packet: Uint8Array, time?: bigint): Feed {
  const { name, type } = vm.program(prog);
  const kind = eventKindOf(type);
  if (kind !== 'xdp' && kind !== 'skb' && kind !== 'flow_dissector') {
    throw new BpfError('E_INPUT', `packet for ${name}`, {
      expected: `an event of kind ${kind}: --ctx or --events`,
      got: 'a packet',
    });
  }
  return { event: { kind, packet, ...(time === undefined ? {} : { time }) }, program: name, place: undefined };
}

/** A value of a map as JSON has it. */
export function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonValue(member)]));
}

interface DumpedMap {
  readonly name: string;
  readonly entries: readonly { readonly key: unknown; readonly value: unknown }[];
}

/** Contents of the maps that can be listed. */
function dumped(vm: Vm): DumpedMap[] {
  return vm.mapNames.flatMap((name) => {
    let map: VmMap<unknown, unknown>;
    try {
      map = vm.map(name);
    } catch {
      return [];
    }
    const { guest, def } = map;
    if (guest.ring !== undefined || guest.userRing !== undefined || guest.objects !== undefined || guest.events !== undefined) return []; // prettier-ignore
    if (def.kind === 'rodata' || def.kind === 'kconfig') return [];
    if (def.kind !== 'map') return globalsOf(vm, name);
    return [
      { name, entries: [...map.entries()].map(([key, value]) => ({ key: jsonValue(key), value: jsonValue(value) })) },
    ];
  });
}

function globalsOf(vm: Vm, section: string): DumpedMap[] {
  const names = vm.globals.names.filter((name) => vm.globals.variable(name)!.section === section);
  return [{ name: section, entries: names.map((name) => ({ key: name, value: jsonValue(vm.globals.get(name)) })) }];
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function printMaps(maps: readonly DumpedMap[], prefix = ''): void {
  for (const { name, entries } of maps) {
    for (const { key, value } of entries) printLine(`${prefix}${name}[${shown(key)}] = ${shown(value)}`);
  }
}

function seconds(time: bigint): string {
  return `${(Number(time / 1_000_000n) / 1000).toFixed(3)}s`;
}

/** Records that ring buffers and perf event arrays hold, by map. */
function drained(vm: Vm): Record<string, string[]> {
  const records = vm.mapNames.flatMap((name): [string, string[]][] => {
    try {
      const map = vm.map(name);
      if (map.guest.ring === undefined && map.guest.events === undefined) return [];
      return [[name, map.drain().map((bytes) => Buffer.from(bytes).toString('hex'))]];
    } catch {
      return [];
    }
  });
  return Object.fromEntries(records);
}

function vmOptions(input: Input, flags: EventFlags, engine: Engine | undefined): VmOptions {
  const { kernel, cpus, seed, budget, json } = flags;
  return {
    ...(input.object === undefined ? { programs: input.programs } : { object: input.object }),
    tracepoints: kernelTracepoint,
    ...(kernel === undefined ? {} : { profile: readKernelProfile(kernel) }),
    ...(cpus === undefined ? {} : { cpus: parseCount('--cpus', cpus) }),
    ...(seed === undefined ? {} : { seed: parseCount('--seed', seed) }),
    ...(budget === undefined ? {} : { budget: parseCount('--budget', budget) }),
    ...(engine === undefined ? {} : { engine }),
    ...(json === true ? {} : { onPrint: (line) => printLine(line.replace(/\n$/, '')) }),
  };
}

/** The VM knows its version, not how a kernel was configured: a variable that must have a value gets none by itself. */
function checkKconfig({ object }: Input): void {
  if (object?.maps.find(({ kind }) => kind === 'kconfig')?.initial !== undefined) return;
  const open = object?.kconfig.filter(({ name, weak }) => !weak && !KNOWN_KCONFIG.includes(name)) ?? [];
  if (open.length === 0) return;
  throw new BpfError('E_INPUT', 'kernel configuration', {
    expected: `--kconfig FILE with ${open.map(({ name }) => name).join(', ')}`,
    got: 'none',
  });
}

/** A VM, recorded when a file for that is given. */
function openVm(
  input: Input,
  flags: EventFlags,
  engine: Engine | undefined,
): { readonly vm: Vm; readonly recorder?: Recorder } {
  checkKconfig(input);
  const options = vmOptions(input, flags, engine);
  if (flags.record === undefined) return { vm: createVm(options) };
  const { object, bytes } = input;
  if (object === undefined || bytes === undefined) throw new BpfError('E_UNSUPPORTED', 'a recording of a program that is no object'); // prettier-ignore
  const { kernel: profile = '6.18' } = flags;
  // A recording names its kernel; what was probed has no name on another machine.
  if (!isRelease(profile)) throw new BpfError('E_UNSUPPORTED', 'a recording with a kernel profile out of a file', { expected: PROFILE_NAMES.join(', '), got: profile }); // prettier-ignore
  const recorder = recordVm({ ...options, object, bytes, profile });
  return { vm: recorder.vm, recorder };
}

/**
 * Runs the events.
 *
 * @returns false when a run ended with a fault
 */
export function runEvents(input: Input, flags: EventFlags, engine: Engine | undefined): boolean {
  if (flags.prog !== undefined) chooseProgram(input, flags.prog);
  const { vm, recorder } = openVm(input, flags, engine);
  const step = flags.interval === undefined ? undefined : parseDuration('--interval', flags.interval);
  const results: { readonly time: bigint; readonly event: BpfEvent; readonly result: VmRunResult }[] = [];
  const intervals: { readonly time: string; readonly maps: readonly DumpedMap[] }[] = [];
  let next = step;
  const tick = (until: bigint): void => {
    for (; step !== undefined && next! <= until; next! += step) {
      vm.advanceTo(next!);
      const maps = dumped(vm);
      intervals.push({ time: next!.toString(), maps });
      if (flags.json !== true) printMaps(maps, `${seconds(next!)}  `);
    }
  };
  for (const { event, program, place } of feeds(flags, vm)) {
    // An interval that ends at the very time of an event ends before it.
    if (event.time !== undefined) tick(BigInt(event.time));
    for (const { name } of programsFor(vm, event, { program, place })) {
      const result = recorder === undefined ? vm.program(name).tryRun(event) : recorder.run(name, event);
      results.push({ time: vm.time, event, result });
    }
  }
  if (step !== undefined) tick(vm.time + step - 1n);
  const records = drained(vm);
  if (flags.pcapOut !== undefined) writeOutput(flags.pcapOut, packetsOut(results));
  if (flags.record !== undefined) writeOutput(flags.record, formatRecording(recorder!.finish()));
  const maps = flags.dumpMaps === true ? dumped(vm) : null;
  if (flags.json === true) {
    printJson({
      runs: results.map(({ time, result }) => ({ time: time.toString(), ...encodeResult(result), effects: jsonValue(result.effects), redirects: jsonValue(result.redirects) })), // prettier-ignore
      records,
      intervals,
      maps,
    });
  } else printSummary(results, records, maps);
  return results.every(({ result }) => result.fault === undefined);
}

function printSummary(
  results: readonly { readonly event: BpfEvent; readonly result: VmRunResult }[],
  records: Record<string, string[]>,
  maps: readonly DumpedMap[] | null,
): void {
  for (const { result } of results) {
    if (result.fault !== undefined) printLine(`${result.program}: ${result.fault.code}: ${result.error!.message}`);
  }
  const counts = new Map<string, number>();
  for (const { result } of results) {
    const outcome =
      result.fault !== undefined ? 'fault' : (result.verdict ?? `0x${result.r0.toString(16).padStart(16, '0')}`);
    const label = `${result.program}: ${outcome}`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  for (const [label, count] of counts) printLine(results.length === 1 ? label : `${label} x ${count}`);
  const [only] = results;
  if (results.length === 1 && only!.result.packet !== undefined) printLine(`packet: ${Buffer.from(only!.result.packet).toString('hex')}`); // prettier-ignore
  for (const [name, list] of Object.entries(records)) for (const record of list) printLine(`${name}: ${record}`);
  if (maps !== null) printMaps(maps);
}

/** Verdicts of packets that go on. */
const PASSED: ReadonlySet<string> = new Set(['XDP_PASS', 'XDP_TX', 'XDP_REDIRECT', 'TC_ACT_OK', 'TC_ACT_REDIRECT', 'TC_ACT_PIPE', 'TC_ACT_UNSPEC', 'allow', 'SK_PASS']); // prettier-ignore

function packetsOut(
  results: readonly { readonly time: bigint; readonly event: BpfEvent; readonly result: VmRunResult }[],
): Uint8Array {
  const packets = results.flatMap(({ time, result }) => {
    const { packet, verdict, retval } = result;
    const passed = verdict === undefined ? retval !== 0 : PASSED.has(verdict);
    return packet === undefined || !passed || result.fault !== undefined
      ? []
      : [{ time, data: packet, originalLength: packet.length }];
  });
  return writePcap({ linkType: 1, packets });
}
