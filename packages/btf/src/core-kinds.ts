/** The kinds of CO-RE relocation (`enum bpf_core_relo_kind`, uapi/linux/bpf.h); position is the number. */
export const CORE_RELOCATION_KINDS = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
  'type_id_local',
  'type_id_target',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;

/** Name of a kind of CO-RE relocation. */
export type CoreRelocationKind = (typeof CORE_RELOCATION_KINDS)[number];

/** What a relocation asks about. */
export function coreSubject(kind: CoreRelocationKind): 'field' | 'type' | 'enumerator' {
  if (kind.startsWith('field_')) return 'field';
  return kind.startsWith('type_') ? 'type' : 'enumerator';
}
