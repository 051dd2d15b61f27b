/** Labels drafts: what the live kernel computes, or what the specification says where it refuses. */
import { assemble } from '@polybpf/asm';
import { parseHex } from '@polybpf/conformance';
import { isBpfError } from '@polybpf/errors';
import { decodeInsns, type Insn } from '@polybpf/isa';
import type { VectorExpectation, VectorTest } from '@polybpf/conformance';
import type { KernelRunner, KernelRunOutcome } from '@polybpf/kernel';
import type { Draft, Expected } from './draft.ts';

/**
 * The vector of a draft.
 *
 * @param release - kernel release for the label, e.g. `6.18`
 * @throws Error when the kernel refuses a draft that has no specification, or computes something else than it says
 */
export function labelDraft(draft: Draft, kernel: KernelRunner, release: string): VectorTest {
  const mem = parseHex(draft.mem ?? '')!;
  const outcome = draft.endian === 'big' || draft.unasked === true ? undefined : runDraft(draft, kernel, mem);
  const refused = outcome !== undefined && !outcome.accepted;
  const own = outcome?.accepted === true ? expectedOf(outcome, mem) : undefined;
  const said = draft.spec?.expect;
  if (own === undefined && said === undefined) {
    throw new Error(
      `${draft.id}: the kernel refuses it and there is no specification: ${refused ? outcome.message : 'big-endian'}`,
    );
  }
  if (own !== undefined && said !== undefined) agree(draft.id, own, littleOf(said), mem);
  const order = draft.endian ?? 'both';
  const expect: VectorTest['expect'] =
    said !== undefined && !isPlain(said) ? pick(said, own) : (own ?? (said as Expected));
  const source =
    own === undefined
      ? draft.spec!.source
      : said !== undefined && !isPlain(said)
        ? `linux ${release}; big-endian: ${draft.spec!.source}`
        : `linux ${release}`;
  return {
    id: draft.id,
    ...(draft.comment === undefined ? {} : { comment: draft.comment }),
    ...(draft.flags === undefined || draft.flags.length === 0 ? {} : { flags: [...draft.flags] }),
    ...(draft.asm === undefined ? {} : { asm: [...draft.asm] }),
    ...(draft.bytes === undefined ? {} : { bytes: draft.bytes }),
    ...(draft.mem === undefined || draft.mem === '' ? {} : { mem: draft.mem }),
    endian: order,
    expect,
    source,
    ...(outcome === undefined
      ? {}
      : { acceptedBy: outcome.accepted ? { linux: true } : { linux: false, reason: reasonOf(outcome) } }),
  };
}

function runDraft(draft: Draft, kernel: KernelRunner, mem: Uint8Array): KernelRunOutcome {
  try {
    const insns: readonly Insn[] =
      draft.asm === undefined
        ? decodeInsns(parseHex(draft.bytes!.little!)!, 'little')
        : assemble(draft.asm.join('\n'), { endian: 'little' }).insns;
    return kernel.run(insns, { mem }, { logLevel: 1, registers: 'r0' });
  } catch (error) {
    if (isBpfError(error)) throw new Error(`${draft.id}: ${error.message}`, { cause: error });
    throw error;
  }
}

function expectedOf(outcome: { readonly r0: bigint; readonly mem: Uint8Array }, mem: Uint8Array): VectorExpectation {
  const before = Buffer.from(mem).toString('hex');
  const after = Buffer.from(outcome.mem).toString('hex');
  return { r0: `0x${outcome.r0.toString(16)}`, ...(before === after ? {} : { mem: after }) };
}

type Said = NonNullable<Draft['spec']>['expect'];

function isPlain(said: Said): said is Expected {
  return 'r0' in said || 'error' in said;
}

function littleOf(said: Said): Expected | undefined {
  return isPlain(said) ? said : said.little;
}

function pick(said: Exclude<Said, Expected> | Said, own: VectorExpectation | undefined): VectorTest['expect'] {
  const orders = said as { little?: Expected; big?: Expected };
  return { little: own ?? orders.little, big: orders.big };
}

function agree(id: string, own: VectorExpectation, said: Expected | undefined, mem: Uint8Array): void {
  if (said === undefined) return;
  if (said.error !== undefined) throw new Error(`${id}: the kernel runs it, the specification says ${said.error}`);
  if (said.r0 !== undefined && BigInt(said.r0) !== BigInt(own.r0!)) {
    throw new Error(`${id}: the kernel says ${own.r0}, the specification ${said.r0}`);
  }
  const [ours, theirs] = [own, said].map((one) => one.mem ?? Buffer.from(mem).toString('hex'));
  if (ours !== theirs) throw new Error(`${id}: the kernel leaves ${ours}, the specification says ${theirs}`);
}

/** The kernel's words without what differs from run to run, with insn indices of the program. */
function reasonOf({ errnoName, message, firstInsn }: Extract<KernelRunOutcome, { accepted: false }>): string {
  const words = message.replace(/\binsn (\d+)/g, (_, insn: string) => `insn ${Number(insn) - firstInsn}`);
  return words === '' ? errnoName : words;
}
