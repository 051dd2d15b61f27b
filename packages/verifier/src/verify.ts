/** The face: one program in, one report out (kernel: bpf_check). */
import {
  createRegistry,
  type ProgramVariant,
  profileByName,
  type Registry,
  type RegistryProfile,
} from '@polybpf/helpers';
import { BpfError } from '@polybpf/errors';
import type { Insn } from '@polybpf/isa';
import { codeOf } from './codes.ts';
import { resetState } from './calls.ts';
import { checkFunctionAddresses, checkFunctions, findFunctions, resolveLoads } from './check-program.ts';
import { checkCfg, computePostorder } from './cfg.ts';
import { Env, type EnvOptions, MAX_INSNS_PROCESSED, reject } from './env.ts';
import {
  F_ANY_ALIGNMENT,
  F_SLEEPABLE,
  F_STRICT_ALIGNMENT,
  F_TEST_REG_INVARIANTS,
  F_TEST_STATE_FREQ,
  type Privilege,
  type VerifyInput,
} from './input.ts';
import { bindTypes } from './bind-types.ts';
import { checkLostKfuncs } from './kernel-symbols.ts';
import { computeLiveRegisters } from './live-registers.ts';
import { prepareExceptionCallback } from './exceptions.ts';
import { markFastcallPatterns, removeFastcallSpills } from './fastcall.ts';
import { attachTypeOf, checkLoad, checkSleepable } from './load-checks.ts';
import { VerifierLog } from './log.ts';
import { computeLoops } from './loops.ts';
import { modelMaps } from './map-model.ts';
import { NotModelled, Reject, EINVAL } from './reject.ts';
import type { VerifyReport } from './report.ts';
import { checkStackDepths } from './stack-depth.ts';
import { W_TYPE } from './register-record.ts';
import { PTR_TO_CTX } from './register-types.ts';
import { MAIN_CALLSITE, regAt } from './state.ts';
import type { Columns } from './successors.ts';
import { structVariant } from './struct-ops.ts';
import { walkAll } from './walk.ts';
import { markKnown } from './bounds.ts';
import type { Watcher } from './watcher.ts';

/** How a program is verified. */
export interface VerifyOptions {
  /** Release of the kernel, or its profile; default 6.18. */
  readonly profile?: string | RegistryProfile;
  readonly privilege?: Privilege;
  /** 0 none, 1 trace of what is refused, 2 trace of everything, +4 figures. */
  readonly logLevel?: number;
  /** Possible CPUs of the host; default 2. */
  readonly cpus?: number;
  /** Types of the kernel (bytes of a `.BTF` section, parsed once); programs that need them are unsupported without. */
  readonly kernelBtf?: Uint8Array;
  /** Whether the kernel can tell the address of a symbol; by default it can of all. */
  readonly hasSymbol?: (name: string) => boolean;
}

const registries = new Map<string | RegistryProfile, Registry>();

function registryOf(profile: string | RegistryProfile): Registry {
  let registry = registries.get(profile);
  if (registry === undefined) {
    registry = createRegistry(typeof profile === 'string' ? profileByName(profile) : profile);
    registries.set(profile, registry);
  }
  return registry;
}

function columnsOf(insns: readonly Insn[]): Columns {
  const count = insns.length;
  const columns = {
    opcode: new Uint8Array(count),
    dst: new Uint8Array(count),
    src: new Uint8Array(count),
    off: new Int16Array(count),
    imm: new Int32Array(count),
  };
  insns.forEach((insn, i) => {
    columns.opcode[i] = insn.opcode;
    columns.dst[i] = insn.dst_reg;
    columns.src[i] = insn.src_reg;
    columns.off[i] = insn.offset;
    columns.imm[i] = insn.imm;
  });
  return columns;
}

const GPL_LICENSES: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

function optionsOf(input: VerifyInput, options: VerifyOptions, precision: Precision): EnvOptions {
  const privilege = options.privilege ?? 'root';
  const flags = input.flags ?? 0;
  const perfmon = privilege === 'root';
  return {
    bpfCapable: privilege !== 'none',
    allowPtrLeaks: perfmon,
    bypassSpecV1: perfmon,
    bypassSpecV4: perfmon,
    strictAlignment: (flags & F_STRICT_ALIGNMENT) !== 0 && (flags & F_ANY_ALIGNMENT) === 0,
    testStateFreq: privilege !== 'none' && (flags & F_TEST_STATE_FREQ) !== 0,
    testRegInvariants: privilege !== 'none' && (flags & F_TEST_REG_INVARIANTS) !== 0,
    sleepable: (flags & F_SLEEPABLE) !== 0,
    allPrecise: precision === 'all',
    followsAtomics: precision === 'sound',
    gpl: GPL_LICENSES.has(input.license ?? 'GPL'),
    ingress: [undefined, null, 0, 'BPF_CGROUP_INET_INGRESS'].includes(input.attachType),
    logLevel: options.logLevel ?? 0,
    cpus: options.cpus ?? 2,
  };
}

/**
 * Says whether the kernel of a profile would accept a program.
 *
 * A program that needs something which is not modelled yet gets the verdict `unsupported`, never a guess.
 *
 * @throws BpfError `E_INPUT` for a profile or program type that there is none of
 */
export function verify(input: VerifyInput, options: VerifyOptions = {}): VerifyReport {
  return watch(input, options, undefined, 'kernel').report;
}

/**
 * Which scalars count when states are compared: those that Linux 6.18 takes for precise; those that are, where it errs
 * about values that atomics fetch from the stack; or all, which takes longer and says more.
 */
export type Precision = 'kernel' | 'sound' | 'all';

/** A verification, and what is left of it to look at. */
export interface Watched {
  readonly report: VerifyReport;
  /** Undefined when it was refused before it began. */
  readonly env: Env | undefined;
}

/**
 * {@link verify} with someone looking on.
 *
 * @param precision - see {@link Precision}
 */
export function watch(
  input: VerifyInput,
  options: VerifyOptions,
  watcher: Watcher | undefined,
  precision: Precision,
): Watched {
  const registry = registryOf(options.profile ?? '6.18');
  const envOptions = optionsOf(input, options, precision);
  const log = envOptions.logLevel === 0 ? undefined : new VerifierLog(envOptions.logLevel, input.lines);
  const holder: { env: Env | undefined } = { env: undefined };
  try {
    const variant = variantOf(input, registry, envOptions.sleepable);
    checkLoad(input, envOptions, variant, registry);
    const env = buildEnv(input, options, registry, variant, envOptions, log);
    env.watcher = watcher;
    holder.env = env;
    run(env, input);
    return { report: report(env, log, undefined), env };
  } catch (reason) {
    if (!(reason instanceof Reject) && !(reason instanceof NotModelled)) throw reason;
    return { report: report(holder.env, log, reason), env: holder.env };
  }
}

/** The variant of its type that a program is verified as. */
function variantOf(input: VerifyInput, registry: Registry, sleepable: boolean): ProgramVariant {
  const { type = 'socket_filter', attachType } = input;
  const isMember = /^((bpf_prog_type_)?struct_ops|27)$/i.test(String(type));
  const found =
    (isMember ? structVariant(registry, input.attachBtfName) : undefined) ??
    registry.variant({ type, attachType, sleepable });
  if (found !== undefined) return found;
  const name = String(type).toUpperCase();
  // Programs that replace others are refused before their type matters, unless they name the other.
  if (/^((BPF_PROG_TYPE_)?EXT|28)$/.test(name)) return { ...registry.variant({ type: 'tracing' })!, type: 'EXT' };
  // Numbers that are no type (kernel: find_prog_type).
  if (typeof type === 'number' || /^(BPF_PROG_TYPE_)?UNSPEC$/.test(name)) reject(EINVAL, '');
  throw new BpfError('E_INPUT', 'program type', { got: String(type) });
}

function buildEnv(
  input: VerifyInput,
  options: VerifyOptions,
  registry: Registry,
  variant: ProgramVariant,
  envOptions: EnvOptions,
  log: VerifierLog | undefined,
): Env {
  const bound = bindTypes(input, options.kernelBtf, registry, variant);
  const maps = modelMaps(input.maps ?? [], bound.fieldsOf);
  const env = new Env(columnsOf(input.insns), registry, variant, envOptions, maps, bound.types, log);
  bound.attach(env);
  if (options.hasSymbol !== undefined) env.hasSymbol = options.hasSymbol;
  return env;
}

function run(env: Env, input: VerifyInput): void {
  const fixups = new Map((input.fixups ?? []).map(([insn, map]) => [insn, map]));
  env.types.checkFunctionRows();
  findFunctions(env);
  checkFunctions(env);
  env.types.checkFunctionInfo(env);
  resolveLoads(env, (insn) => fixups.get(insn) ?? (env.src[insn]! >= 5 ? env.imm[insn]! : undefined));
  checkCfg(env);
  computePostorder(env);
  const { type } = env.variant;
  checkSleepable(type, attachTypeOf(input, type, env.registry), env.options.sleepable);
  env.types.checkAttach(env);
  computeLoops(env);
  computeLiveRegisters(env);
  env.log?.liveRegisters(env);
  markFastcallPatterns(env);
  walkFunction(env, 0);
  walkGlobals(env);
  removeFastcallSpills(env);
  checkStackDepths(env);
  checkLostKfuncs(env);
  checkFunctionAddresses(env);
}

/** Walks a function that is entered from outside: the main one, or a global one on its own (kernel: do_check_common). */
function walkFunction(env: Env, subprog: number): void {
  const frame = env.pool.frame();
  frame.init(MAIN_CALLSITE, 0, subprog, env.defaultPrecise);
  const state = env.pool.state();
  resetState(state, frame);
  env.state = state;
  env.explored = [];
  env.pending = [];
  env.loopVisits.clear();
  env.insn = env.subprograms[subprog]!.start;
  env.previousInsn = -1;
  state.firstInsn = env.insn;
  env.liveness.resetChain();
  if (subprog === 0) env.types.examineMain(env);
  if (subprog !== 0 || !env.types.prepareMain(env)) {
    if (subprog === 0) {
      const r1 = regAt(1);
      frame.w[r1 + W_TYPE] = PTR_TO_CTX;
      markKnown(frame.w, r1, 0, 0);
    } else {
      env.types.prepareArguments(env, subprog);
      if (subprog === env.exceptionCallback) prepareExceptionCallback(env, subprog);
    }
  }
  walkAll(env);
  // What was said on paths that turned out well is of no interest below level 2 (kernel: do_check_common).
  if (env.options.logLevel % 4 < 2) env.log?.cut(0);
}

/** Global functions are walked on their own when a call reaches them (kernel: do_check_subprogs). */
function walkGlobals(env: Env): void {
  if (!env.types.hasFunctionInfo) return;
  if (env.exceptionCallback !== 0) env.subprograms[env.exceptionCallback]!.called = true;
  const done = new Set<number>();
  for (let found = true; found;) {
    found = false;
    for (let i = 1; i < env.subprograms.length; i++) {
      const info = env.subprograms[i]!;
      if (!env.types.isGlobal(i) || !info.called || done.has(i)) continue;
      done.add(i);
      env.note(`Validating ${env.types.functionName(i)}() func#${i}...`);
      walkFunction(env, i);
      env.note(`Func#${i} ('${env.types.functionName(i)}') is safe for any args that match its prototype`);
      found = true;
    }
  }
}

function report(
  env: Env | undefined,
  log: VerifierLog | undefined,
  reason: Reject | NotModelled | undefined,
): VerifyReport {
  // prettier-ignore
  const lines = reason instanceof Reject && reason.text !== '' ? reason.text.split('\n') : [];
  for (const line of lines) log?.line(line);
  if (env?.infiniteLoop !== undefined) log?.infiniteLoop(env, env.infiniteLoop);
  const stackDepths = env?.subprograms.map(({ stackDepth }) => stackDepth) ?? [];
  if (env !== undefined && log !== undefined && (log.level & 7) !== 0) {
    if ((log.level & 4) !== 0) {
      log.line('verification time 0 usec');
      log.line(`stack depth ${stackDepths.join('+')}`);
    }
    log.line(
      `processed ${env.processed} insns (limit ${MAX_INSNS_PROCESSED}) max_states_per_insn ${env.maxStatesPerInsn} total_states ${env.totalStates} peak_states ${env.peakStates} mark_read 0`,
    );
  }
  return {
    verdict: reason === undefined ? 'accept' : reason instanceof Reject ? 'reject' : 'unsupported',
    code: reason === undefined ? undefined : codeOf(reason),
    insn: reason === undefined || env === undefined ? undefined : env.previousInsn >= 0 ? env.previousInsn : undefined,
    message: reason instanceof NotModelled ? `unsupported: ${reason.feature}` : (lines[lines.length - 1] ?? ''),
    lines,
    errno: reason instanceof Reject ? reason.errno : 0,
    processed: env?.processed ?? 0,
    totalStates: env?.totalStates ?? 0,
    peakStates: env?.peakStates ?? 0,
    maxStatesPerInsn: env?.maxStatesPerInsn ?? 0,
    stackDepths,
    log: log?.text() ?? '',
  };
}
