// Flags of kfuncs, which BTF does not have: the BTF_ID_FLAGS lists of Linux 6.18, by the file that registers them. What
// probing shows (FASTCALL, SLEEPABLE) is checked against these when facts are generated.

type Lists = Readonly<Record<string, string>>;

// prettier-ignore
const LISTS: Lists = {
  // kernel/bpf/helpers.c: generic_btf_ids, common_btf_ids
  'ACQUIRE RET_NULL': 'bpf_obj_new_impl bpf_percpu_obj_new_impl bpf_list_pop_front bpf_list_pop_back bpf_rbtree_remove bpf_cgroup_from_id bpf_task_from_pid bpf_task_from_vpid bpf_cpumask_create bpf_lookup_system_key bpf_xdp_ct_alloc bpf_xdp_ct_lookup bpf_skb_ct_alloc bpf_skb_ct_lookup bpf_xdp_get_xfrm_state',
  RELEASE: 'bpf_obj_drop_impl bpf_percpu_obj_drop_impl bpf_task_release bpf_cgroup_release bpf_cpumask_release bpf_crypto_ctx_release bpf_key_put bpf_put_file bpf_ct_release bpf_xdp_xfrm_state_release bpf_kfunc_call_test_release bpf_kfunc_call_memb_release',
  'ACQUIRE RET_NULL RCU': 'bpf_refcount_acquire_impl bpf_task_acquire bpf_cgroup_acquire bpf_cgroup_ancestor bpf_task_get_cgroup1 bpf_crypto_ctx_acquire',
  RET_NULL: 'bpf_list_front bpf_list_back bpf_rbtree_first bpf_rbtree_root bpf_rbtree_left bpf_rbtree_right bpf_dynptr_slice bpf_dynptr_slice_rdwr bpf_res_spin_lock bpf_res_spin_lock_irqsave',
  ITER_NEW: 'bpf_iter_num_new bpf_iter_bits_new',
  'ITER_NEXT RET_NULL': 'bpf_iter_num_next bpf_iter_bits_next bpf_iter_task_vma_next bpf_iter_css_task_next bpf_iter_css_next bpf_iter_task_next',
  ITER_DESTROY: 'bpf_iter_num_destroy bpf_iter_bits_destroy bpf_iter_task_vma_destroy bpf_iter_css_task_destroy bpf_iter_css_destroy bpf_iter_task_destroy',
  'ITER_NEW RCU': 'bpf_iter_task_vma_new',
  'ITER_NEW TRUSTED_ARGS': 'bpf_iter_css_task_new',
  'ITER_NEW TRUSTED_ARGS RCU_PROTECTED': 'bpf_iter_css_new bpf_iter_task_new',
  'ITER_NEW SLEEPABLE': 'bpf_iter_kmem_cache_new bpf_iter_dmabuf_new',
  'ITER_NEXT RET_NULL SLEEPABLE': 'bpf_iter_kmem_cache_next bpf_iter_dmabuf_next',
  'ITER_DESTROY SLEEPABLE': 'bpf_iter_kmem_cache_destroy bpf_iter_dmabuf_destroy',
  FASTCALL: 'bpf_cast_to_kern_ctx bpf_rdonly_cast',
  // kernel/bpf/cpumask.c, kernel/bpf/crypto.c
  RCU: 'bpf_task_under_cgroup bpf_cgroup_read_xattr bpf_cpumask_first bpf_cpumask_first_zero bpf_cpumask_first_and bpf_cpumask_set_cpu bpf_cpumask_clear_cpu bpf_cpumask_test_cpu bpf_cpumask_test_and_set_cpu bpf_cpumask_test_and_clear_cpu bpf_cpumask_setall bpf_cpumask_clear bpf_cpumask_and bpf_cpumask_or bpf_cpumask_xor bpf_cpumask_equal bpf_cpumask_intersects bpf_cpumask_subset bpf_cpumask_empty bpf_cpumask_full bpf_cpumask_copy bpf_cpumask_any_distribute bpf_cpumask_any_and_distribute bpf_cpumask_weight bpf_cpumask_populate bpf_crypto_encrypt bpf_crypto_decrypt',
  'ACQUIRE TRUSTED_ARGS': 'bpf_cpumask_acquire',
  'ACQUIRE RET_NULL SLEEPABLE': 'bpf_crypto_ctx_create bpf_lookup_user_key',
  SLEEPABLE: 'bpf_copy_from_user_str bpf_copy_from_user_task_str bpf_copy_from_user_dynptr bpf_copy_from_user_str_dynptr css_rstat_flush',
  'SLEEPABLE TRUSTED_ARGS': 'bpf_copy_from_user_task_dynptr bpf_copy_from_user_task_str_dynptr bpf_get_dentry_xattr bpf_get_file_xattr bpf_set_dentry_xattr bpf_remove_dentry_xattr',
  // kernel/bpf/arena.c, fs/bpf_fs_kfuncs.c, net/netfilter/nf_conntrack_bpf.c, net/core/filter.c, net/core/xdp.c
  'TRUSTED_ARGS SLEEPABLE ARENA_RET ARENA_ARG2': 'bpf_arena_alloc_pages',
  'TRUSTED_ARGS SLEEPABLE ARENA_ARG2': 'bpf_arena_free_pages bpf_arena_reserve_pages',
  'ACQUIRE TRUSTED_ARGS RET_NULL': 'bpf_get_task_exe_file',
  TRUSTED_ARGS: 'bpf_map_sum_elem_count bpf_send_signal_task bpf_stream_vprintk_impl bpf_task_work_schedule_signal_impl bpf_task_work_schedule_resume_impl bpf_path_d_path bpf_ct_set_timeout bpf_ct_change_timeout bpf_ct_set_status bpf_ct_change_status bpf_ct_set_nat_info bpf_dynptr_from_skb bpf_dynptr_from_skb_meta bpf_sk_assign_tcp_reqsk bpf_sock_ops_enable_tx_tstamp bpf_sock_destroy bpf_xdp_metadata_rx_hash bpf_xdp_metadata_rx_timestamp bpf_xdp_metadata_rx_vlan_tag',
  'ACQUIRE RET_NULL RELEASE': 'bpf_ct_insert_entry',
};

const FLAGS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(LISTS).flatMap(([flags, names]) => names.split(' ').map((name) => [name, flags.split(' ')] as const)),
);

/**
 * Flags of a kfunc; those of no list have none.
 *
 * @throws Error when probing showed another answer
 */
export function kfuncFlags(name: string, fastcall: boolean, sleepableOnly: boolean): readonly string[] {
  const flags = FLAGS.get(name) ?? [];
  if (flags.includes('FASTCALL') !== fastcall) throw new Error(`${name}: FASTCALL is ${fastcall} by its BTF`);
  if (sleepableOnly && !flags.includes('SLEEPABLE')) throw new Error(`${name} needs a sleepable program`);
  return flags;
}

/** Names in the lists, to find those that no kernel has. */
export function flaggedKfuncs(): string[] {
  return [...FLAGS.keys()];
}
