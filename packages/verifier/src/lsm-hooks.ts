/** Hooks of LSM that programs are treated differently on (kernel 6.18: kernel/bpf/bpf_lsm.c). */

/** No program may be on these (kernel: bpf_lsm_disabled_hooks). */
export const DISABLED_HOOKS: ReadonlySet<string> = new Set([
  'vm_enough_memory',
  'inode_need_killpriv',
  'inode_getsecurity',
  'inode_listsecurity',
  'inode_copy_up_xattr',
  'getselfattr',
  'getprocattr',
  'setprocattr',
  'key_getsecurity',
  'audit_rule_match',
  'ismaclabel',
]);

/** Arguments are half built or half torn down (kernel: untrusted_lsm_hooks). */
export const UNTRUSTED_HOOKS: ReadonlySet<string> = new Set([
  'bpf_map_free',
  'bpf_prog_free',
  'file_alloc_security',
  'file_free_security',
  'sk_alloc_security',
  'sk_free_security',
  'task_free',
]);

/** Return 0 or 1 rather than 0 or an error (kernel: bool_lsm_hooks). */
export const BOOLEAN_HOOKS: ReadonlySet<string> = new Set([
  'xfrm_state_pol_flow_match',
  'audit_rule_known',
  'inode_xattr_skipcap',
]);
