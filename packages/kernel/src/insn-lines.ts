/**
 * Line numbers for instructions. The kernel keeps them through all its rewriting and tells for each where its machine
 * code starts, so line N + 1 for insn N says which code an instruction became.
 */
import { BTF_FUNC_LINKAGE, BTF_INT_ENCODING, type BtfType, encodeBtf } from '@polybpf/btf';
import { type Program, rowOf } from '@polybpf/isa';
import type { LiveKernel } from './live-kernel.ts';
import { FUNC_INFO_SIZE, LINE_INFO_SIZE, type LoadOptions, type RecordTable, recordTable } from './load-program.ts';

/** Options that number the instructions, and the BTF that they need. */
export interface InsnLines extends Disposable {
  readonly options: LoadOptions;
}

/** No numbers. */
export function noLines(): InsnLines {
  return { options: {}, [Symbol.dispose]() {} };
}

/** Numbers the instructions of a program; where it has no BTF of its own it gets one that only names its functions. */
export function insnLines(kernel: LiveKernel, program: Program, own: LoadOptions): InsnLines {
  const lineInfo = numberInsns(program);
  if (own.funcInfo !== undefined) return { ...noLines(), options: { lineInfo } };
  const outcome = kernel.loadBtf(functionNames(program));
  if (!outcome.accepted) return noLines();
  const funcInfo = recordTable(FUNC_INFO_SIZE, program.subprograms, ({ start }) => [start, 3 + program.subprograms.findIndex((other) => other.start === start)]); // prettier-ignore
  return {
    options: { btfFd: outcome.fd, funcInfo, lineInfo },
    [Symbol.dispose]: () => kernel.close(outcome.fd),
  };
}

function numberInsns({ insns }: Program): RecordTable {
  const starts: number[] = [];
  for (let i = 0; i < insns.length; i += rowOf(insns[i]!)?.slots ?? 1) starts.push(i);
  // Offset 0 of the string section is the empty string: no file, no text.
  return recordTable(LINE_INFO_SIZE, starts, (insn) => [insn, 0, 0, (insn + 1) * 1024]);
}

/** 1 int, 2 `int (void)`, 3... one static function for each subprogram. */
function functionNames({ subprograms }: Program): Uint8Array {
  const types: BtfType[] = [
    { kind: 'INT', id: 1, name: 'int', size: 4, encoding: BTF_INT_ENCODING.SIGNED, bitOffset: 0, bits: 32 },
    { kind: 'FUNC_PROTO', id: 2, name: '', returnType: 1, params: [] },
    ...subprograms.map((_, i): BtfType => {
      return { kind: 'FUNC', id: 3 + i, name: `function_${i}`, type: 2, linkage: BTF_FUNC_LINKAGE.STATIC };
    }),
  ];
  return encodeBtf({ endian: 'little', types });
}
