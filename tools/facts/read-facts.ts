// The fact files that the registry is generated from: their shapes, as far as they are used.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `uapi-bpf.json` */
export interface UapiFacts {
  readonly helpers: readonly UapiHelper[];
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly flags: Readonly<Record<string, number>>;
}

export interface UapiHelper {
  readonly id: number;
  readonly name: string;
  readonly ret: string;
  readonly args: readonly (readonly [type: string, name: string | null])[];
  readonly kernelProtos: readonly UapiPrototype[];
}

export interface UapiPrototype {
  readonly symbol: string;
  readonly ret: string | null;
  readonly args: readonly string[];
  readonly gplOnly: boolean;
  readonly pktAccess?: boolean;
  readonly mightSleep?: boolean;
  readonly argBtf?: readonly (string | null)[];
  readonly argSize?: readonly (string | null)[];
  readonly retBtf?: string;
}

type AccessRow = readonly [offset: number, size: number, type: string | null, writable: boolean];

/** `kernel-features-6.18.json`: a profile of `polybpf kernel probe`. */
export interface KernelFacts {
  readonly kernel: { readonly release: string };
  readonly limits: Readonly<Record<string, unknown>>;
  readonly isa: Readonly<Record<string, { readonly ok: boolean }>>;
  readonly mapTypes: Readonly<Record<string, { readonly id: number; readonly available: boolean }>>;
  readonly programVariants: Readonly<Record<string, KernelVariant>>;
  readonly helpers: Readonly<Record<string, { readonly id: number; readonly gplOnly: boolean | null; readonly sleepableOnly?: boolean }>>; // prettier-ignore
  readonly kfuncs: Readonly<Record<string, { readonly ret: string; readonly params: readonly { readonly name: string; readonly type: string }[]; readonly fastcall: boolean; readonly sleepableOnly?: boolean }>>; // prettier-ignore
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly helperSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncSets: Readonly<Record<string, readonly string[]>>;
}

export interface KernelVariant {
  readonly progType: string;
  readonly progTypeId: number;
  readonly expectedAttachType: string | null;
  readonly expectedAttachTypeId: number | null;
  readonly sleepable: boolean;
  readonly loadable: boolean;
  readonly attachBtfTarget?: string;
  readonly returnValue: { readonly accepted: readonly number[]; readonly rule: string | null };
  readonly testRun?: boolean;
  readonly ctxAccess?: readonly AccessRow[] | { readonly sameAs: string } | null;
  readonly helperSet?: string;
  readonly kfuncSet?: string;
}

/** `feature-since.json`: release by name, by group. */
export type SinceFacts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** `tracepoints-6.18.json`: rows are field, type, offset, size, signed. */
export interface TracepointFacts {
  readonly groups: Readonly<Record<string, Readonly<Record<string, readonly (readonly [string, string, number, number, boolean])[]>>>>; // prettier-ignore
}

export interface Facts {
  readonly uapi: UapiFacts;
  readonly kernel: KernelFacts;
  readonly since: SinceFacts;
  readonly tracepoints: TracepointFacts;
}

export function readFacts(folder: string): Facts {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return {
    uapi: read('uapi-bpf.json') as UapiFacts,
    kernel: read('kernel-features-6.18.json') as KernelFacts,
    since: (read('feature-since.json') as { since: SinceFacts }).since,
    tracepoints: read('tracepoints-6.18.json') as TracepointFacts,
  };
}
