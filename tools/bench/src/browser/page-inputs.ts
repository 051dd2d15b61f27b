/** Workloads as JSON, for a page that cannot read files. */
import type { Workload } from '../workload.ts';
import type { PageInputs } from './measure.ts';

/** Of each workload its program and its quick input: no page takes the time for more, nor compiles C. */
export function packInputs({ origin, workloads }: PageInputs): string {
  const packed = workloads.map(({ name, program, quick }) => ({ name, program, quick }));
  return JSON.stringify({ origin, workloads: packed }, (_, value: unknown) => {
    if (typeof value === 'bigint') return { $bigint: value.toString() };
    if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
    if (value instanceof Map) return { $map: [...value] };
    return value;
  });
}

/** The inverse of {@link packInputs}; the full input is the quick one again. */
export function unpackInputs(text: string): PageInputs {
  const { origin, workloads } = JSON.parse(text, (_, value: unknown) => {
    const { $bigint, $bytes, $map } = (value ?? {}) as Packed;
    if ($bigint !== undefined) return BigInt($bigint);
    if ($bytes !== undefined) return fromBase64($bytes);
    return $map === undefined ? value : new Map($map);
  }) as { readonly origin: PageInputs['origin']; readonly workloads: readonly PackedWorkload[] };
  return {
    origin,
    workloads: workloads.map((workload) => ({
      ...workload,
      source: '',
      function: workload.name,
      full: workload.quick,
    })),
  };
}

type PackedWorkload = Pick<Workload, 'name' | 'program' | 'quick'>;
interface Packed {
  readonly $bigint?: string;
  readonly $bytes?: string;
  readonly $map?: readonly (readonly [unknown, unknown])[];
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
