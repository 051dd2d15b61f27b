/*
 * libbpf-relocate OBJECT [BTF] prints what libbpf makes of all programs of an object for the kernel that BTF describes,
 * right before the first BPF_PROG_LOAD, which it never comes to. The oracle of corpus.native.test.ts.
 *
 *   map FD NAME
 *   prog NAME HEX
 *   fail ERRNO        with libbpf's messages on standard error
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bpf_object *object;

static int print_and_exit(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct bpf_map *map;
	struct bpf_program *each;

	bpf_object__for_each_map(map, object)
		printf("map %d %s\n", bpf_map__fd(map), bpf_map__name(map));
	bpf_object__for_each_program(each, object) {
		const unsigned char *bytes = (const unsigned char *)bpf_program__insns(each);

		printf("prog %s ", bpf_program__name(each));
		for (size_t i = 0; i < 8 * bpf_program__insn_cnt(each); i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	fflush(stdout);
	_exit(0);
}

static int keep_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = print_and_exit);
	LIBBPF_OPTS(bpf_object_open_opts, how, .btf_custom_path = argc > 2 ? argv[2] : NULL);
	struct bpf_program *prog;
	struct bpf_map *map;

	libbpf_set_print(keep_warnings);
	object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!object) {
		printf("fail %d\n", errno);
		return 0;
	}
	/* A handler is looked up while an object is opened, and by the name of the section; 0 is any other name. */
	bpf_object__for_each_program(prog, object)
		libbpf_register_prog_handler(strdup(bpf_program__section_name(prog)), BPF_PROG_TYPE_SOCKET_FILTER, 0, &handler);
	object = bpf_object__open_file(argv[1], &how);
	if (!object) {
		printf("fail %d\n", errno);
		return 0;
	}
	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, true);
	bpf_object__for_each_map(map, object) {
		bpf_map__set_pin_path(map, NULL);
		/* What the tools leave to their user-space half. */
		if (bpf_map__max_entries(map) == 0)
			bpf_map__set_max_entries(map, 1);
		if (bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE)
			bpf_map__set_value_size(map, 127 * 8);
	}
	printf("fail %d\n", -bpf_object__load(object));
	return 0;
}
