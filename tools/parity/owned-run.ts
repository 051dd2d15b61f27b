/** Programs that own objects, one by one through the live kernel and our verifier. */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { type LiveKernel, type LoadOutcome, type LogLevel } from '../../packages/kernel/src/index.ts';
import { FUNC_INFO_SIZE, recordTable } from '../../packages/kernel/src/load-program.ts';
import { verify, type VerifyInput, type VerifyReport } from '../../packages/verifier/src/index.ts';
import { OWNED_TYPES, ownedProgram } from './owned-programs.ts';
import { OWNED_BTF, OWNED_MAPS } from '../../packages/verifier/test/owned-types.ts';
import { rng } from './random-programs.ts';

/** What both said of a program. */
export interface OwnedOutcome {
  readonly input: VerifyInput;
  readonly loaded: LoadOutcome;
  readonly report: VerifyReport;
}

/** Runs programs with maps that are made once. */
export class OwnedRunner {
  private readonly kernel: LiveKernel;
  private readonly kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
  private readonly ids: Map<string, number>;
  private readonly btfFd: number;
  private readonly fdArray: number[];

  constructor(kernel: LiveKernel) {
    this.kernel = kernel;
    this.ids = new Map(parseBtf(this.kernelBtf).types.map(({ kind, name, id }) => [`${kind} ${name}`, id]));
    const btf = kernel.loadBtf(OWNED_BTF);
    if (!btf.accepted) throw new Error(btf.message);
    this.btfFd = btf.fd;
    this.fdArray = OWNED_MAPS.map((map) => kernel.createMap({ ...map, btfFd: btf.fd }).fd);
  }

  /** Program number `index` of a seed. */
  run(seed: number, index: number, logLevel: LogLevel): OwnedOutcome {
    const r = rng(seed * 7907 + index);
    const type = OWNED_TYPES[Math.floor(r() * OWNED_TYPES.length)]!;
    const { insns, functions } = ownedProgram(r, type, (name) => this.ids.get(`FUNC ${name}`)!);
    const flags = (type === 'syscall' ? 16 : 0) | (r() < 0.2 ? 8 : 0);
    const traces = type === 'tracing';
    const how = { type, flags, ...(traces ? { attachType: 'BPF_TRACE_RAW_TP' } : {}) };
    const loaded = this.kernel.load(insns, {
      ...how,
      ...(traces ? { attachBtfId: this.ids.get('TYPEDEF btf_trace_sched_wakeup')! } : {}),
      fdArray: this.fdArray,
      btfFd: this.btfFd,
      funcInfo: recordTable(FUNC_INFO_SIZE, functions, (row) => [row.insn, row.type]),
      logLevel,
    });
    if (loaded.accepted) this.kernel.close(loaded.fd);
    const input = {
      ...how,
      ...(traces ? { attachBtfName: 'sched_wakeup' } : {}),
      insns,
      maps: OWNED_MAPS.map((map) => ({ ...map, btf: OWNED_BTF })),
      btf: OWNED_BTF,
      functions,
    };
    return { input, loaded, report: verify(input, { kernelBtf: this.kernelBtf, logLevel }) };
  }
}
