/**
 * Variants that the probed machine did not load (EPERM: it lets nobody trace functions; no LIRC): what they may call, from
 * the kernel functions that decide it in 6.18 and the sets of related variants that were probed.
 */
import type { ReturnRule } from './profile.ts';

/** What is concluded of one variant. */
export interface DerivedVariant {
  /** Variant whose helpers it has. */
  readonly like: string;
  readonly helpers: readonly string[];
  readonly kfuncs: readonly string[];
  readonly returns: ReturnRule;
}

const ANY: ReturnRule = { range: null, known: true };
const zero: ReturnRule = { range: [0, 0], known: true };

/** bpf_prog_has_trampoline(): tracing_prog_func_proto() of kernel/trace/bpf_trace.c. */
const TRAMPOLINE = ['bpf_get_func_arg', 'bpf_get_func_arg_cnt', 'bpf_get_attach_cookie'];
/** bpf_lsm_func_proto() of kernel/bpf/bpf_lsm.c. */
const LSM = ['bpf_inode_storage_get', 'bpf_inode_storage_delete', 'bpf_bprm_opts_set', 'bpf_ima_inode_hash', 'bpf_ima_file_hash', 'bpf_get_attach_cookie']; // prettier-ignore
/** bpf_fs_kfunc_set_ids of fs/bpf_fs_kfuncs.c, registered for LSM programs. */
const LSM_KFUNCS = ['bpf_get_task_exe_file', 'bpf_put_file', 'bpf_path_d_path', 'bpf_get_dentry_xattr', 'bpf_get_file_xattr', 'bpf_set_dentry_xattr', 'bpf_remove_dentry_xattr']; // prettier-ignore
const RAW = 'TRACING/BPF_TRACE_RAW_TP';

/** By name of the variant. Return ranges: check_return_code() of kernel/bpf/verifier.c. */
export const DERIVED_VARIANTS: Readonly<Record<string, DerivedVariant>> = {
  'TRACING/BPF_TRACE_FENTRY': { like: RAW, helpers: TRAMPOLINE, kfuncs: [], returns: zero },
  'TRACING/BPF_TRACE_FENTRY(sleepable)': { like: RAW, helpers: TRAMPOLINE, kfuncs: [], returns: zero },
  'TRACING/BPF_TRACE_FEXIT': { like: RAW, helpers: [...TRAMPOLINE, 'bpf_get_func_ret'], kfuncs: [], returns: zero },
  'TRACING/BPF_MODIFY_RETURN': { like: RAW, helpers: [...TRAMPOLINE, 'bpf_get_func_ret'], kfuncs: [], returns: ANY },
  // The range is that of the hook: bpf_lsm_get_retval_range(); errno or 0 for nearly all.
  'LSM/BPF_LSM_MAC': { like: RAW, helpers: LSM, kfuncs: LSM_KFUNCS, returns: { range: [-4095, 0], known: false } },
  'LSM/BPF_LSM_MAC(sleepable)': {
    like: RAW,
    helpers: LSM,
    kfuncs: LSM_KFUNCS,
    returns: { range: [-4095, 0], known: false },
  },
  'LSM/BPF_LSM_CGROUP': {
    like: RAW,
    helpers: [...LSM, 'bpf_get_local_storage', 'bpf_get_retval', 'bpf_set_retval', 'bpf_setsockopt', 'bpf_getsockopt', 'bpf_get_netns_cookie'], // prettier-ignore
    kfuncs: LSM_KFUNCS,
    returns: { range: [0, 1], known: true },
  },
  // lirc_mode2_func_proto() of drivers/media/rc/bpf-lirc.c
  LIRC_MODE2: {
    like: 'CGROUP_DEVICE',
    helpers: ['bpf_rc_repeat', 'bpf_rc_keydown', 'bpf_rc_pointer_rel'],
    kfuncs: [],
    returns: ANY,
  },
};
